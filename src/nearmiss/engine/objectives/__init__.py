"""One file per loss term; names and options stand in spec.py."""
