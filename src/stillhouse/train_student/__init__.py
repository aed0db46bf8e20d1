"""Training a student: its batches, weights, steps, checkpoints and processes."""
