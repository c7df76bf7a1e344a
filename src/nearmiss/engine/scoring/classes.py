"""Zero-shot classification outcomes: is the right class the most similar one?"""

import numpy as np
import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.engine.scoring.answers import NESTED
from nearmiss.engine.scoring.outcomes import ENDPOINT, MARGIN, ordered

MEAN = "mean"
"""The task that stands for all tasks, each counted alike."""


def outcomes(frame: pl.DataFrame, similarity: list[list[float]]) -> pl.DataFrame:
    """Outcomes of table `classification` for the similarity of each row's image and classes. A tie is wrong.

    Beside each task there is their mean (task `mean`): a question weighs one over the number of its task's questions.
    """
    parts = []
    place = {name: index for index, name in enumerate(sorted(set(frame["image_id"])))}
    rows = frame.with_columns(
        cluster=pl.Series([place[name] for name in frame["image_id"]], dtype=pl.Int64),
        similarity=pl.Series(similarity, dtype=pl.List(pl.Float64)),
    )
    for (task,), group in rows.group_by("task", maintain_order=True):
        scores = np.asarray(group["similarity"].to_list())
        label = group["label"].to_numpy()
        right = scores[np.arange(len(scores)), label]
        others = scores.copy()
        others[np.arange(len(scores)), label] = -np.inf
        gap = right - others.max(axis=1)
        parts.append(
            group.select(
                pl.lit("classification").alias("benchmark"),
                pl.lit(None, pl.String).alias("subset"),
                pl.lit(None, pl.String).alias("concept"),
                pl.lit(None, pl.String).alias("operator"),
                pl.lit("iid").alias("condition"),
                pl.lit(task).alias("task"),
                pl.lit("top1").alias("metric"),
                pl.col("image_id").alias("question"),
                "cluster",
                pl.Series("value", (gap > MARGIN).astype(np.float64)),
                pl.lit(1.0).alias("weight"),
                pl.Series("ties", (np.abs(gap) <= MARGIN).astype(np.int64)),
                pl.lit(1 / scores.shape[1]).alias("chance"),
            ).select(*ENDPOINT, "question", "cluster", "value", "weight", "ties", "chance")
        )
    return ordered([*parts, *[_share_of_mean(part) for part in parts]])


def _share_of_mean(part: pl.DataFrame) -> pl.DataFrame:
    """A task's outcomes as its share of the mean over tasks."""
    return part.with_columns(
        question=pl.col("task") + "/" + pl.col("question"),
        task=pl.lit(MEAN),
        value=pl.col("value") / part.height,
        weight=pl.col("weight") / part.height,
    )


def as_rows(frame: pl.DataFrame, similarity: list[list[float]]) -> pl.DataFrame:
    """Rows of table `scores`: one an image and task, 1 x classes."""
    return pl.DataFrame({"item_id": _ids(frame), "similarity": pl.Series([[row] for row in similarity], dtype=NESTED)})


def from_rows(frame: pl.DataFrame, rows: pl.DataFrame) -> list[list[float]]:
    """The similarities from what `as_rows` gave. Raises InputError where an image has no row."""
    known = dict(
        rows.filter(pl.col("item_id").str.starts_with("classification/")).select("item_id", "similarity").iter_rows()
    )
    missing = [item_id for item_id in _ids(frame) if item_id not in known]
    if missing:
        raise InputError("an image of a task has no scores", record=missing[0], remedy="evaluate the checkpoint again")
    return [known[item_id][0] for item_id in _ids(frame)]


def _ids(frame: pl.DataFrame) -> list[str]:
    return [f"classification/{task}/{image_id}" for task, image_id in frame.select("task", "image_id").iter_rows()]
