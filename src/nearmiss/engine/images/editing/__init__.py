"""Edits of one thing in a picture: one small file per operation, its options in spec.py, its line in registry.py."""
