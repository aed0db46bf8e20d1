"""Rows to label by hand: drawn into a sheet, and read back."""
