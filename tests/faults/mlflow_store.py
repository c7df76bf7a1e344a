"""What a process reads from a store of MLflow on a small disk, with its artifacts."""

import json
from pathlib import Path

from nearmiss.base.tracking import recorded


def print_figures(store: str, experiment: str) -> None:
    """Print the final figures of each run as JSON."""
    print(json.dumps(recorded(Path(store), experiment)))
