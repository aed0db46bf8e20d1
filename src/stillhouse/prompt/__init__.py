"""Rows and their exemplars to the messages that a teacher reads."""
