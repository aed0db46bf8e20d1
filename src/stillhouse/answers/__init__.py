"""Answers: reading them, evaluating them, and deciding whether two are the same."""
