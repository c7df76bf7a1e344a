"""Tokens, edits, inflection, tagging, parsing and the check of negatives against annotations."""
