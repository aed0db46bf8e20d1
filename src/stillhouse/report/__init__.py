"""Every figure of a run in one summary, its plots, and the table in the terminal."""
