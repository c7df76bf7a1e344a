"""Data sources of stage `data`: one file each, listed in registry.py."""
