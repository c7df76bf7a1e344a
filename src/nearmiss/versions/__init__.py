"""Versions of results: the DVC pipeline written from the workflow, snapshots, restores, and verification of results."""
