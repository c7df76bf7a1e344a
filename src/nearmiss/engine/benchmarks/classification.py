"""Zero-shot classification from a table of stage data: an image, classes, and the prompts of each class."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.base.tables import read_table
from nearmiss.engine.benchmarks.benchmark import (
    Card,
    ClassificationBenchmark,
    ClassificationTask,
    Coverage,
    Headline,
    Options,
)
from nearmiss.engine.benchmarks.data_root import SOURCE, DataRoot
from nearmiss.engine.benchmarks.gaps import refuse_gaps
from nearmiss.engine.benchmarks.spec import MEAN
from nearmiss.engine.benchmarks.world import image_files, unknown_image

CARD = Card(
    name="classification",
    paper="nearmiss: images of the experiment's own data",
    license="that of the data source",
    origin="stage data",
    files=("tables/classification_{split}.parquet",),
    images=(SOURCE,),
    notes="top1: the right class is the most similar one; a class is the mean of its prompts' embeddings. One task per "
    "property; `mean` is the mean over tasks, each counted alike. A wrong class within 1e-6 of the right one is wrong.",
    complete=True,
    headline=(
        Headline(
            "zero_shot",
            "zero-shot",
            "zero-shot classification, mean over tasks",
            {"benchmark": "classification", "task": MEAN, "metric": "top1"},
            "0-shot",
            cost=True,
        ),
    ),
)


@dataclass(frozen=True)
class ClassificationReader:
    """A `Reader` of table `classification`."""

    card: Card

    def exists(self, root: DataRoot, options: Options) -> bool:
        return root.path(self._file(options)).is_file()

    def load(self, root: DataRoot, options: Options) -> ClassificationBenchmark:
        """Raises InputError where the table is missing or empty, has a gap, a label is no class, or a task's classes
        differ between its rows."""
        name = self._file(options)
        path = root.path(name)
        frame = read_table(path, "classification").sort("task", "image_id")
        if frame.is_empty():
            raise InputError(
                "classification has no rows", file=path, remedy="give the split images, or score another split"
            )
        _check(frame, path)
        files = image_files(root)
        if unknown := sorted(set(frame["image_id"]) - files.keys()):
            raise unknown_image(root, unknown[0])
        tasks = [
            ClassificationTask(
                name=str(task),
                images=[files[image_id] for image_id in rows["image_id"]],
                labels=rows["label"].to_list(),
                classes=rows["classes"][0].to_list(),
                prompts=rows["prompts"][0].to_list(),
            )
            for (task,), rows in frame.group_by("task", maintain_order=True)
        ]
        coverage = Coverage(hashes={name: sha256(path)}, n_read=frame.height)
        return ClassificationBenchmark(self.card, tasks, top_k=(1,), coverage=coverage)

    def _file(self, options: Options) -> str:
        return self.card.files[0].format(split=options.split)


def _check(frame: pl.DataFrame, path: Path) -> None:
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


BENCHMARK = ClassificationReader(CARD)
