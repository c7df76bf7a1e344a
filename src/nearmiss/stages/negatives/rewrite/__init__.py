"""Negatives written by an instruction model behind an OpenAI-compatible endpoint."""
