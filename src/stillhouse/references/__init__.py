"""Models that cost nothing, trained on the student's own rows: what a student must beat."""
