"""Studies: a table of conditions as data, each run as an experiment of DVC."""
