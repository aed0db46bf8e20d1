"""Judges: what they are asked about labels and predictions, and their scores."""
