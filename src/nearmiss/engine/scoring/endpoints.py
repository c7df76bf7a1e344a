"""Outcomes of a model per item: the table between similarities and metrics.

An endpoint is the subject of one row of table `metrics`. Each item has `value` (correct decisions, a tie half of one)
out of `weight`, so a metric is sum(value) / sum(weight); two runs are compared on the same items.
"""

from collections.abc import Iterable

import polars as pl

from nearmiss.base.tables import SCHEMAS

ENDPOINT = ("benchmark", "subset", "concept", "operator", "condition", "task", "metric")
"""Columns that identify an endpoint within one split and one corruption of the images."""

Endpoint = tuple[str | None, ...]

OUTCOMES = SCHEMAS["outcomes"]


def ordered(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Outcomes of several benchmarks as one table `outcomes`, in the order of endpoints and items."""
    frame = pl.concat(parts) if parts else pl.DataFrame(schema=OUTCOMES)
    return frame.select(OUTCOMES.names()).cast(OUTCOMES).sort(*ENDPOINT, "item_id", nulls_last=False)


def endpoints(outcomes: pl.DataFrame) -> Iterable[tuple[Endpoint, pl.DataFrame]]:
    """Each endpoint and its items, in the order of the table."""
    named = outcomes.with_columns(pl.col(ENDPOINT).cast(pl.Categorical))  # a quarter of the memory of strings
    for key, group in named.group_by(ENDPOINT, maintain_order=True):
        yield tuple(None if part is None else str(part) for part in key), group


def mean(group: pl.DataFrame) -> float:
    """The metric of one endpoint."""
    return float(group["value"].to_numpy().sum() / group["weight"].to_numpy().sum())
