"""Which edits an arm's negatives taught."""

from pathlib import Path

import polars as pl

from nearmiss.base.tables import read_table

TAUGHT = 0.01
"""Below this share of an arm's negatives a pair is an accident: another image's caption differs by one word."""


def trained_pairs(negatives: Path | None) -> frozenset[tuple[str, str]]:
    """The (concept, operator) pairs that at least `TAUGHT` of an arm's negatives have; none where it has no negatives.

    `negatives` is the folder of the arm's method.
    """
    if negatives is None:
        return frozenset()
    made = read_table(Path(negatives) / "negatives.parquet", "negatives")
    counts = made.group_by("concept", "operator").len().drop_nulls().filter(pl.col("len") >= TAUGHT * made.height)
    return frozenset(counts.select("concept", "operator").iter_rows())
