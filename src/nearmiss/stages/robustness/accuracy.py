"""The one metric that noise is measured on: the accuracy of single decisions."""

import polars as pl

from nearmiss.engine.scoring import decisions


def accuracy(items: pl.DataFrame, similarity: pl.DataFrame) -> pl.DataFrame:
    """Outcomes of the single decisions of 2x2 items: each concept and operator, and binding pooled."""
    found = decisions.outcomes(items, similarity)
    return found.filter(pl.col("metric") == "accuracy", pl.col("subset") == "2x2")
