"""Asking teachers: one protocol, its backends, and completions that are stored as they come."""
