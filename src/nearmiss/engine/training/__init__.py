"""Batches, the loop and exactly resumable state."""
