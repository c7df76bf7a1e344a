"""Negatives read from a file."""
