"""Stage `data`: a data source becomes tables."""
