"""What a pull request changes, from Git alone: its verdict as a comment, and whether dvc.lock fits."""
