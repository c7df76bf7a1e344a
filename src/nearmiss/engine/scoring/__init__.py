"""Cached embeddings, similarities, metrics, statistics and blind baselines."""
