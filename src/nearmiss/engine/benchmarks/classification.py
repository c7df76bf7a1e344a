"""Zero-shot classification: an image, classes, and the prompts of each class."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.base.tables import read_table
from nearmiss.engine.benchmarks.gaps import refuse_gaps
from nearmiss.engine.benchmarks.measurement import Measurement


@dataclass(frozen=True)
class Classification:
    """Rows of table `classification`, sorted by task and image; within a task all rows have the same classes."""

    frame: pl.DataFrame
    measurement: Measurement


def load(tables: Path, split: str) -> Classification:
    """Read `classification_<split>.parquet`.

    Raises InputError where it is missing or empty, has a gap, a label is no class, or a task's classes differ between
    its rows.
    """
    path = Path(tables) / f"classification_{split}.parquet"
    frame = read_table(path, "classification").sort("task", "image_id")
    if frame.is_empty():
        raise InputError("classification has no rows", file=path, remedy="give the split images, or score another one")
    refuse_gaps(frame, ("image_id", "task", "label", "classes", "prompts"), file=path, key="image_id")
    wrong = frame.filter(
        (pl.col("label") < 0)
        | (pl.col("label") >= pl.col("classes").list.len())
        | (pl.col("prompts").list.len() != pl.col("classes").list.len())
        | (pl.col("prompts").list.eval(pl.element().list.len()).list.min() < 1)
    )
    if wrong.height:
        raise InputError(
            "a label is none of the classes, or a class has no prompt",
            file=path,
            record=f"{wrong['task'][0]}, image {wrong['image_id'][0]}",
            remedy="make the table again",
        )
    for (task,), rows in frame.group_by("task", maintain_order=True):
        if rows["classes"].n_unique() > 1 or rows["prompts"].n_unique() > 1:
            raise InputError("the classes of a task differ between its images", file=path, record=task)
    measurement = Measurement(
        benchmark="classification",
        split=split,
        source="the world's own names of values",
        hashes={path.name: sha256(path)},
        subsets="one task a property; `mean` is the mean over tasks, each counted alike",
        metrics={"top1": "the right class is the most similar one; a class is the mean of its prompts' embeddings"},
        averaging="micro over the images of a task; macro over tasks in `mean`",
        ties="a wrong class within 1e-6 of the right one is wrong; counted",
        crop="none",
    )
    return Classification(frame, measurement)
