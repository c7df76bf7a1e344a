"""Stage `compare`: tables, figures and one page over all runs."""
