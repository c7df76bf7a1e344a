"""Stage `negatives`: hard negatives per method, every rejected candidate with its reason."""
