"""Training curves of all runs as one table, which `dvc plots` draws."""

from collections.abc import Sequence

import polars as pl

from nearmiss.stages.compare.runs import Training

CURVES = pl.Schema({"arm": pl.String, "seed": pl.Int64, "step": pl.Int64, "loss": pl.Float64, "scale": pl.Float64})


def curves(trainings: Sequence[Training]) -> pl.DataFrame:
    """A row a logged step of each run: its loss and the logit scale."""
    rows = [
        {"arm": one.arm, "seed": one.seed, "step": entry["step"], "loss": entry["loss"], "scale": entry.get("scale")}
        for one in trainings
        for entry in one.curve
        if "step" in entry
    ]
    return pl.DataFrame(rows, schema=CURVES, orient="row")
