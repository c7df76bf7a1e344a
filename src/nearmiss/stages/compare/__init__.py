"""Stage `compare`: tables, figures and an HTML report over all runs."""
