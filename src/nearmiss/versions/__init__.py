"""Versions of results: the DVC pipeline written from the workflow, snapshots, restores, and checks of a re-run."""
