"""Embeddings once, similarities, metrics, statistics, blind baselines."""
