"""Scoring predictions: metrics with intervals, the reference rows, and comparisons."""
