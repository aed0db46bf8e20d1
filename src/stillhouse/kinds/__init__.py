"""Kinds of answers: how each is read from a completion, compared, scored, recognised at an end."""
