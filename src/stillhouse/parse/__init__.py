"""Parsing: a teacher completion becomes a rationale, a label and a status."""
