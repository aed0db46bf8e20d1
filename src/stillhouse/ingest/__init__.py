"""Raw rows of any source to checked rows: the table `examples`."""
