"""What scores on a finite test set allow to be said: intervals, and whether two differ."""
