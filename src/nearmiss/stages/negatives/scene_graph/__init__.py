"""Captions and negatives from scene graphs (HNC, CoNLL 2023)."""
