"""Which rows the student trains on, with which label and rationale, and what is added to them."""
