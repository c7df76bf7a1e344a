"""Baselines that never look at the image: what the words of a benchmark alone give away."""
