"""report.html: a run as one file that a browser opens, with all of its rows from end to end."""
