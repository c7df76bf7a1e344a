"""Edits of one object in an image: one small file per operation, its options in spec.py, its line in registry.py."""
