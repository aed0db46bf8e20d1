"""Prompt and decoding of the teacher, chosen among candidates on validation rows."""
