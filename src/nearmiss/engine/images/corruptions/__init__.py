"""Corruptions of images: one file each, typed options in spec.py, names in registry.py."""
