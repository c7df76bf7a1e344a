"""Corruptions of captions: one module each, their options in spec.py, their names in registry.py."""
