"""Models scored on the test rows as they are, with any prompt: reference rows of the report."""
