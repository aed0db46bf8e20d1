"""New queries from the rows that the student finds hard, and the teacher's labels for them."""
