"""Batches, the training loop and exactly resumable state."""
