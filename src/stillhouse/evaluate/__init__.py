"""Predictions against gold labels: scores of students and of the references beside them."""
