"""Random captions of other images, the control."""
