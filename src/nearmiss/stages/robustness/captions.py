"""The items' captions with typos, one table of items a severity."""

from typing import Any

import polars as pl

from nearmiss.base.seeding import rng
from nearmiss.engine.text.typos import mistyped, share_mistyped
from nearmiss.stages.robustness.config import RobustnessConfig

TYPOS = "typos"
"""What table `metrics` calls the corruption."""


def mistyped_items(items: pl.DataFrame, config: RobustnessConfig) -> dict[int, pl.DataFrame]:
    """Table `items` with typos at each severity; empty where the configuration has none.

    The typos of an item depend on its id and the severity alone.
    """
    if config.typos is None:
        return {}
    return {
        severity: _mistype(items, config.seed, severity, config.typos.share[severity - 1])
        for severity in sorted(config.severities)
    }


def shares(items: pl.DataFrame, typed: dict[int, pl.DataFrame]) -> dict[str, dict[str, Any]]:
    """What the typos came to, by severity and "concept operator": the mean share of words that were hit, and how many
    items have no typo, because every longer word of theirs is asked for, says a place or is a number."""
    found = {}
    clean = items["captions"].to_list()
    for severity, frame in typed.items():
        hit = [share_mistyped(*pair) for pair in zip(clean, frame["captions"].to_list(), strict=True)]
        cells = frame.select("concept", "operator", hit=pl.Series(hit)).group_by("concept", "operator")
        rows = cells.agg(pl.col("hit").mean(), untouched=(pl.col("hit") == 0).sum()).sort("concept", "operator")
        found[str(severity)] = {
            f"{concept} {operator}": {"share": round(share, 4), "untouched_items": untouched}
            for concept, operator, share, untouched in rows.iter_rows()
        }
    return found


def _mistype(items: pl.DataFrame, seed: int, severity: int, share: float) -> pl.DataFrame:
    captions = [
        mistyped(texts, share, rng(seed, TYPOS, severity, item_id))
        for item_id, texts in items.select("item_id", "captions").iter_rows()
    ]
    return items.with_columns(captions=pl.Series(captions, dtype=pl.List(pl.String)))
