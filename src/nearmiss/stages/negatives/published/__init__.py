"""Negatives of a file, which others made."""
