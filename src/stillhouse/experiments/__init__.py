"""Results that Git and DVC keep: reading those of any revision, and comparing two."""
