"""What is done with results outside the pipeline: predicting with a student, exporting its data."""
