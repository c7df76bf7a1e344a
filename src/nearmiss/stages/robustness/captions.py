"""Benchmarks with typos in their captions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from nearmiss.base.seeding import rng
from nearmiss.engine.benchmarks.benchmark import (
    Benchmark,
    ClassificationBenchmark,
    ItemBenchmark,
    RetrievalBenchmark,
)
from nearmiss.engine.text.typos import mistyped, share_mistyped
from nearmiss.stages.robustness.config import RobustnessConfig

TYPOS = "typos"
"""Name of the corruption in table `metrics`."""


def mistyped_benchmark(benchmark: Benchmark, config: RobustnessConfig, severity: int) -> Benchmark | None:
    """A benchmark with typos in its captions; None if the configuration has no typos, and for classification.

    The typos of an item depend only on its id and the severity; all captions of an item have the same ones, and words
    in which the captions differ have none.
    """
    if config.typos is None or isinstance(benchmark, ClassificationBenchmark):
        return None
    share = config.typos.share[severity - 1]
    if isinstance(benchmark, RetrievalBenchmark):
        captions = [
            mistyped([text], share, rng(config.seed, TYPOS, severity, caption_id))[0]
            for caption_id, text in zip(benchmark.caption_ids, benchmark.captions, strict=True)
        ]
        return replace(benchmark, captions=captions)
    found = [
        mistyped(texts, share, rng(config.seed, TYPOS, severity, item_id))
        for item_id, texts in benchmark.items.select("item_id", "captions").iter_rows()
    ]
    return replace(benchmark, items=benchmark.items.with_columns(captions=pl.Series(found, dtype=pl.List(pl.String))))


def shares(clean: ItemBenchmark, typed: Mapping[int, ItemBenchmark]) -> dict[str, dict[str, Any]]:
    """Typos by severity and "concept operator": the mean share of words with a typo, and the number of items without,
    because in all their longer words captions differ, or the words name locations or numbers."""
    found = {}
    texts = clean.items["captions"].to_list()
    for severity, benchmark in typed.items():
        pairs = zip(texts, benchmark.items["captions"].to_list(), strict=True)
        hit = [share_mistyped(*pair) for pair in pairs]
        cells = benchmark.items.select("concept", "operator", hit=pl.Series(hit)).group_by("concept", "operator")
        rows = cells.agg(pl.col("hit").mean(), untouched=(pl.col("hit") == 0).sum()).sort("concept", "operator")
        found[str(severity)] = {
            f"{concept} {operator}": {"share": round(share, 4), "untouched_items": untouched}
            for concept, operator, share, untouched in rows.iter_rows()
        }
    return found
