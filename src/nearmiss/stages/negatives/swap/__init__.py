"""Negatives of two exchanged spans (NegCLIP, ICLR 2023)."""
