"""The labeled examples of a task: read from its table, checked, and cut into shares of its training labels."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.seeding import array_rng
from nearmiss.base.tables import read_table

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Examples:
    """A task's examples sorted by id; `classes` are alike for all of them, `images` their images' ids, sorted."""

    task: str
    frame: pl.DataFrame
    classes: tuple[str, ...]
    images: tuple[str, ...]

    def of(self, split: str) -> pl.DataFrame:
        """The examples of train, dev or test."""
        return self.frame.filter(split=split)

    def part(self, share: float, seed: int) -> pl.DataFrame:
        """A share of the training examples, drawn from the seed: rounded up, and some, of each kind of group.

        Examples of one text are a group and stay together, so that the words of a smaller share reveal as little about
        its labels as those of the whole; without a text, each example is a group. Groups with the same labels are of
        one kind. A smaller share is part of a larger one; the draw is the same for every initialization.
        """
        training = self.of("train").with_columns(pl.coalesce("text", "example_id").alias("group"))
        groups = training.group_by("group").agg(kind=pl.col("label").sort()).sort("group")
        taken: list[str] = []
        for (kind,), members in groups.sort("kind", "group").group_by("kind", maintain_order=True):
            order = array_rng(seed, "finetune", "share", self.task, *kind).permutation(members.height)
            taken += members["group"][order[: ceil(round(share * members.height, 6))].tolist()].to_list()
        return training.filter(pl.col("group").is_in(taken)).drop("group")

    def image_rows(self, frame: pl.DataFrame) -> np.ndarray:
        """The place of each example's image in `images`: (N,) int64."""
        place = {image_id: row for row, image_id in enumerate(self.images)}
        return np.array([place[image_id] for image_id in frame["image_id"]], dtype=np.int64)


def read_examples(tables: Path, task: str, *, texts: bool, known: Iterable[str]) -> Examples:
    """Read and check `examples_<task>.parquet`; `known` are the ids of table `images`; `texts`: the task has texts.

    Raises InputError, naming the example, where a label is missing or no class, ids repeat, an image is not known, a
    text is missing, a split is empty, or the training has one class only.
    """
    file = Path(tables) / f"examples_{task}.parquet"
    remedy = "make the table again (nearmiss data)"
    frame = read_table(file, "examples").filter(task=task).sort("example_id")
    if frame.is_empty():
        raise InputError(f"the table has no examples of task {task}", file=file, remedy=remedy)
    place, classes = pl.col("label"), frame["classes"][0].to_list()
    faults = {
        "an example has no label": place.is_null(),
        "a label is none of the classes": (place < 0) | (place >= pl.col("classes").list.len()),
        "the classes of a task differ between its examples": pl.col("classes") != pl.lit(classes, pl.List(pl.String)),
        "two examples have one id": pl.col("example_id").is_duplicated(),
        "an example shows an image that is not in the table of images": ~pl.col("image_id").is_in(list(known)),
        "a split is none of train, dev and test": ~pl.col("split").is_in(SPLITS).fill_null(False),
    }
    if texts:
        faults["an example has no text"] = pl.col("text").fill_null("").str.strip_chars() == ""
    for problem, wrong in faults.items():
        found = frame.filter(wrong)
        if found.height:
            raise InputError(problem, file=file, record=found["example_id"][0], remedy=remedy)
    for split in SPLITS:
        if frame.filter(split=split).is_empty():
            raise InputError(f"task {task} has no examples in split {split}", file=file, remedy=remedy)
    if frame.filter(split="train")["label"].n_unique() < 2:
        raise InputError(f"all training examples of task {task} have one class", file=file, remedy=remedy)
    return Examples(task, frame, tuple(classes), tuple(sorted(set(frame["image_id"]))))
