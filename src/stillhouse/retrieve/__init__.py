"""Each row's exemplars, chosen among the training rows."""
