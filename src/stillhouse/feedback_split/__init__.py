"""Which rows the student trains on, with or without feedback, with which label and rationale."""
