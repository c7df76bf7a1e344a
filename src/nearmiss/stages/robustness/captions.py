"""Benchmarks with corrupted captions."""

from collections.abc import Iterable, Mapping
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
from nearmiss.engine.text.corruptions.corruption import share_changed
from nearmiss.engine.text.corruptions.registry import TEXT_CORRUPTIONS
from nearmiss.engine.text.corruptions.spec import AnyTextCorruption
from nearmiss.stages.robustness.config import RobustnessConfig
from nearmiss.stages.robustness.corrupted import Cell


def with_corrupted_captions(benchmark: Benchmark, config: RobustnessConfig) -> Iterable[tuple[Cell, Benchmark]]:
    """A benchmark under every corruption of captions and severity; nothing for classification.

    What happens to an item depends only on its id, the corruption and the severity. All captions of an item are changed
    alike, and words in which they differ are kept.
    """
    if isinstance(benchmark, ClassificationBenchmark):
        return
    for options in config.texts:
        for severity in sorted(config.severities):
            yield Cell(options.corruption, severity), _corrupted(benchmark, options, severity, config.seed)


def _corrupted(benchmark: Benchmark, options: AnyTextCorruption, severity: int, seed: int) -> Benchmark:
    name = options.corruption
    apply = TEXT_CORRUPTIONS[name].apply
    if isinstance(benchmark, RetrievalBenchmark):
        captions = [
            apply([text], options, severity, rng(seed, name, severity, caption_id))[0]
            for caption_id, text in zip(benchmark.caption_ids, benchmark.captions, strict=True)
        ]
        return replace(benchmark, captions=captions)
    assert isinstance(benchmark, ItemBenchmark)
    found = [
        apply(texts, options, severity, rng(seed, name, severity, item_id))
        for item_id, texts in benchmark.items.select("item_id", "captions").iter_rows()
    ]
    return replace(benchmark, items=benchmark.items.with_columns(captions=pl.Series(found, dtype=pl.List(pl.String))))


def changed_words(clean: ItemBenchmark, made: Mapping[Cell, ItemBenchmark]) -> dict[str, dict[str, dict[str, Any]]]:
    """By corruption, severity and "concept operator": the mean share of words changed, and the number of items that are
    as they were, because in all their longer words captions differ, or the words name locations or numbers."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    texts = clean.items["captions"].to_list()
    for at, benchmark in made.items():
        pairs = zip(texts, benchmark.items["captions"].to_list(), strict=True)
        hit = [share_changed(*pair) for pair in pairs]
        cells = benchmark.items.select("concept", "operator", hit=pl.Series(hit)).group_by("concept", "operator")
        rows = cells.agg(pl.col("hit").mean(), untouched=(pl.col("hit") == 0).sum()).sort("concept", "operator")
        found.setdefault(at.corruption, {})[str(at.severity)] = {
            f"{concept} {operator}": {"share": round(share, 4), "untouched_items": untouched}
            for concept, operator, share, untouched in rows.iter_rows()
        }
    return found
