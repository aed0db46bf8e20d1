"""Conversations: what a judge says of each reply."""
