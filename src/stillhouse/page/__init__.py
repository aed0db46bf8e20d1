"""report.html: a run as one file for a browser, with all of its rows from end to end."""
