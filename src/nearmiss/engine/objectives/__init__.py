"""One file per loss term; names and options are in spec.py."""
