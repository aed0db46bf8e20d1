"""Scoring predictions: metrics with bootstrap intervals, and the reference rows."""
