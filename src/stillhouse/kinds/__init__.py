"""Kinds of answers: how each is read from a reply, compared, scored and recognised at an end."""
