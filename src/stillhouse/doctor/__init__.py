"""`stillhouse doctor`: whether this machine has what the configured run needs."""
