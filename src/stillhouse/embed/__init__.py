"""Queries to vectors."""
