"""Random captions of other images (control)."""
