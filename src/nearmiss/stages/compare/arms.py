"""What each arm is: its method and objective in a few words, and as a table."""

import json
from typing import Any

import polars as pl

from nearmiss.stages.compare.runs import Runs


def objective_text(options: dict[str, Any]) -> str:
    """An objective as a sum of terms, weights other than 1 in front."""
    parts = []
    for term in options.get("objective", []):
        weight = term.get("weight", 1.0)
        name = str(term.get("term", "?")).replace("_", " ")
        choices = [str(value) for key, value in sorted(term.items()) if key not in ("term", "weight", "cap")]
        parts.append(
            ("" if weight == 1.0 else f"{weight:g} × ") + name + (f" ({', '.join(choices)})" if choices else "")
        )
    return " + ".join(parts)


def arms(runs: Runs) -> pl.DataFrame:
    """A row an arm: method, objective (JSON), learning rates, negatives; null where a manifest does not say."""
    rows = []
    for arm in runs.arms:
        training = next((one for one in runs.trainings if one.arm == arm), None)
        options = training.options if training is not None else {}
        rows.append(
            {
                "arm": arm,
                "method": options.get("method"),
                "objective": json.dumps(options.get("objective"), sort_keys=True) if options else None,
                "image_lr": options.get("image_lr"),
                "text_lr": options.get("text_lr"),
                "num_negatives": options.get("num_negatives"),
            }
        )
    schema = {
        "arm": pl.String,
        "method": pl.String,
        "objective": pl.String,
        "image_lr": pl.Float64,
        "text_lr": pl.Float64,
        "num_negatives": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")
