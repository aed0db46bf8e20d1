"""What a pull request changes, from Git alone, and whether its dvc.lock belongs to it."""
