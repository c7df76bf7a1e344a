"""Classification benchmarks: whether the correct class is among the k most similar ones. A tie counts as wrong."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from nearmiss.engine.benchmarks.benchmark import ClassificationBenchmark, ClassificationTask
from nearmiss.engine.benchmarks.spec import MARGIN, MEAN
from nearmiss.engine.scoring.embeddings import Embeddings
from nearmiss.engine.scoring.endpoints import OUTCOMES

BY_CLASS = "top1_by_class"
"""The mean over classes of top-1."""
_CHUNK = 4096  # images per chunk


def outcomes(benchmark: ClassificationBenchmark, embeddings: Embeddings) -> pl.DataFrame:
    """Outcomes over the images that exist."""
    similarity = []
    for task in benchmark.tasks:
        exists = [image for image in task.images if image in embeddings.view_rows]
        similarity.append(_similarity(task, exists, embeddings))
    return ranks(benchmark, similarity, embeddings)


def ranks(
    benchmark: ClassificationBenchmark, similarity: Sequence[np.ndarray], embeddings: Embeddings | None = None
) -> pl.DataFrame:
    """Outcomes for similarities (images, classes) of each task; without `embeddings`, of all its images.

    Named tasks also have a mean (task `mean`): the weight of an item is one over the number of its task's items.
    """
    cluster = {image: index for index, image in enumerate(sorted({i for task in benchmark.tasks for i in task.images}))}
    parts = []
    for task, scores in zip(benchmark.tasks, similarity, strict=True):
        known = [p for p, image in enumerate(task.images) if embeddings is None or image in embeddings.view_rows]
        if not known:
            continue
        label = np.asarray(task.labels)[known]
        right = scores[np.arange(len(scores)), label][:, None]
        gap = right - scores
        gap[np.arange(len(scores)), label] = np.inf
        better, tied = (gap < -MARGIN).sum(axis=1), (np.abs(gap) <= MARGIN).sum(axis=1)
        shared = pl.DataFrame(
            {
                "item_id": [task.images[index] for index in known],
                "cluster": [cluster[task.images[index]] for index in known],
            }
        )
        for k in benchmark.top_k:
            if k < len(task.classes):
                correct, deciding = better + tied < k, (better < k) & (better + tied >= k)
                parts.append(_rows(shared, task, f"top{k}", correct, np.ones(len(known)), deciding, k))
        if max(benchmark.top_k) > 1:
            weight = 1 / np.bincount(label, minlength=len(task.classes))[label]
            parts.append(_rows(shared, task, BY_CLASS, better + tied < 1, weight, (better < 1) & (tied > 0), 1))
    if not parts:
        return pl.DataFrame(schema=OUTCOMES)
    parts += [_share_of_mean(part) for part in parts if part["task"][0] is not None]
    none = pl.lit(None, pl.String)
    frame = pl.concat(parts).with_columns(
        benchmark=pl.lit(benchmark.name), subset=none, concept=none, operator=none, condition=pl.lit("iid")
    )
    return frame.select(OUTCOMES.names()).cast(OUTCOMES)


def expected(benchmark: ClassificationBenchmark) -> dict[str | None, int]:
    """Number of images of each task."""
    return {task.name: len(task.images) for task in benchmark.tasks} | {
        MEAN: sum(len(task.images) for task in benchmark.tasks)
    }


def equal_classes(benchmark: ClassificationBenchmark, embeddings: Embeddings) -> list[str]:
    """Names of classes whose prompts have the same tokens as those of another class."""
    found = []
    for task in benchmark.tasks:
        columns = _columns(task, embeddings)
        found += [name for name, rows in zip(task.classes, columns, strict=True) if columns.count(rows) > 1]
    return found


def _columns(task: ClassificationTask, embeddings: Embeddings) -> list[tuple[int, ...]]:
    return [tuple(embeddings.text_rows[text] for text in prompts) for prompts in task.prompts]


def _similarity(task: ClassificationTask, images: Sequence[str], embeddings: Embeddings) -> np.ndarray:
    """(images, classes) float32. A class is the normalized mean of its prompts' embeddings.

    Classes whose prompts have the same tokens share a column: products of equal rows may differ in the last bit.
    """
    columns = _columns(task, embeddings)
    column_of = {rows: number for number, rows in enumerate(dict.fromkeys(columns))}
    means = np.stack([embeddings.texts[list(rows)].mean(axis=0) for rows in column_of])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    rows = [embeddings.view_rows[image] for image in images]
    found = [embeddings.images[rows[start : start + _CHUNK]] @ means.T for start in range(0, len(rows), _CHUNK)]
    every = np.concatenate(found) if found else np.empty((0, len(column_of)), dtype=np.float32)
    return np.asarray(every[:, [column_of[rows] for rows in columns]])


def _rows(
    shared: pl.DataFrame,
    task: ClassificationTask,
    metric: str,
    right: np.ndarray,
    weight: np.ndarray,
    ties: np.ndarray,
    k: int,
) -> pl.DataFrame:
    return shared.with_columns(
        task=pl.lit(task.name, pl.String),
        metric=pl.lit(metric),
        value=pl.Series(right * weight, dtype=pl.Float64),
        weight=pl.Series(weight, dtype=pl.Float64),
        ties=pl.Series(ties.astype(np.int64)),
        chance=pl.lit(k / len(task.classes)),
    )


def _share_of_mean(part: pl.DataFrame) -> pl.DataFrame:
    """A task's outcomes as its share of the mean over tasks."""
    return part.with_columns(
        item_id=pl.col("task") + "/" + pl.col("item_id"),
        task=pl.lit(MEAN),
        value=pl.col("value") / part.height,
        weight=pl.col("weight") / part.height,
    )
