"""What a student is and how it predicts: its folder, weights, text, batches and predictions."""
