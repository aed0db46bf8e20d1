"""Raw rows of any source to checked examples."""
