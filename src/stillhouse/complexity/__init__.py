"""How complex a judge finds the test questions: what a gap between two models may be due to."""
