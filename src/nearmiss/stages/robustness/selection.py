"""Selects the items and images of a benchmark for stage `robustness`, and replaces its images."""

from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np
import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks.benchmark import (
    Benchmark,
    ClassificationBenchmark,
    EmbeddedImage,
    ItemBenchmark,
    RetrievalBenchmark,
)
from nearmiss.engine.scoring.embeddings import view_name
from nearmiss.stages.robustness.config import RobustnessConfig

Some = TypeVar("Some", bound=Benchmark)


def select(benchmark: Benchmark, config: RobustnessConfig, existing: Container[str]) -> Benchmark:
    """A benchmark with some of its items: those whose images exist, evenly spaced in the order of their ids.

    Item benchmarks have at most `config.items` per subset, concept and operator, condition iid; the others at most
    `config.gallery` images. Raises InputError if nothing is left.
    """
    if isinstance(benchmark, ItemBenchmark):
        return replace(benchmark, items=_items(benchmark, config.items, existing))
    if isinstance(benchmark, RetrievalBenchmark):
        kept = [row for row, image in enumerate(benchmark.images) if image in existing]
        rows = np.asarray(kept)[_evenly(len(kept), config.gallery)] if kept else np.empty(0, dtype=np.int64)
        columns = np.flatnonzero(benchmark.own[rows].any(axis=0))
        if not len(columns):
            raise _nothing(benchmark)
        own, right = (matrix[np.ix_(rows, columns)] for matrix in (benchmark.own, benchmark.right))
        return replace(
            benchmark,
            images=[benchmark.images[row] for row in rows],
            captions=[benchmark.captions[column] for column in columns],
            caption_ids=[benchmark.caption_ids[column] for column in columns],
            own=own,
            right=own if benchmark.right is benchmark.own else right,
        )
    tasks = []
    for task in benchmark.tasks:
        kept = [row for row, image in enumerate(task.images) if image in existing]
        rows = [kept[place] for place in _evenly(len(kept), config.gallery)]
        if rows:
            labels = [task.labels[row] for row in rows]
            tasks.append(replace(task, images=[task.images[row] for row in rows], labels=labels))
    if not tasks:
        raise _nothing(benchmark)
    return replace(benchmark, tasks=tasks)


def _items(benchmark: ItemBenchmark, most: int, existing: Container[str]) -> pl.DataFrame:
    items = benchmark.items.filter(pl.col("condition") == "iid")
    if benchmark.card.robustness_subsets:
        items = items.filter(pl.col("subset").is_in(list(benchmark.card.robustness_subsets)))
    exist = [all(path in existing for path in paths) for paths in items["images"].to_list()]
    items = items.filter(pl.Series(exist, dtype=pl.Boolean)).sort("item_id")
    if items.is_empty():
        raise _nothing(benchmark)
    groups = items.group_by("subset", "concept", "operator", maintain_order=True)
    return pl.concat([group[_evenly(group.height, most).tolist()] for _, group in groups]).sort("item_id")


def _evenly(count: int, most: int) -> np.ndarray:
    """At most `most` of `count` indices, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int)) if count else np.empty(0, int)


def _nothing(benchmark: Benchmark) -> InputError:
    subsets = f" in {', '.join(benchmark.card.robustness_subsets)}" if benchmark.card.robustness_subsets else ""
    return InputError(
        f"benchmark {benchmark.name} has no items of condition iid{subsets} whose images exist",
        remedy="remove it from robustness.benchmarks, or add images",
    )


def with_images(benchmark: Some, name: Callable[[str], str], embedded: Mapping[str, EmbeddedImage]) -> Some:
    """A benchmark with embedded images as views: `name` maps the name of a view to that of its image."""
    if isinstance(benchmark, ItemBenchmark):
        rows = benchmark.items.select("images", "crop").iter_rows()
        images = [[name(view_name(path, crop)) for path in paths] for paths, crop in rows]
        items = benchmark.items.with_columns(
            images=pl.Series(images, dtype=pl.List(pl.String)), crop=pl.lit(None, pl.List(pl.Float64))
        )
        return replace(benchmark, items=items, embedded=embedded)
    if isinstance(benchmark, RetrievalBenchmark):
        return replace(benchmark, images=[name(path) for path in benchmark.images], embedded=embedded)
    assert isinstance(benchmark, ClassificationBenchmark)
    tasks = [replace(task, images=[name(path) for path in task.images]) for task in benchmark.tasks]
    return replace(benchmark, tasks=tasks, embedded=embedded)
