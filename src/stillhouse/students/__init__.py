"""A student: its folder, its weights, its text as tokens, its objective, its predictions."""
