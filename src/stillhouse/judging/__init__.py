"""Judges: prompts that ask a model for scores, and reading the scores in its reply."""
