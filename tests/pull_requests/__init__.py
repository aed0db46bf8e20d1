"""Pull requests: outcomes, comments, dvc.lock, and the workflow that posts them."""
