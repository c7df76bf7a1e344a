"""Negatives from parts of speech (CE-CLIP, CVPR 2024)."""
