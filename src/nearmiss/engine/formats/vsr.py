"""VSR's files (Liu, Emerson, Collier, TACL 2023): one JSON object per line, a caption that is true (1) or false (0)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json_lines
from nearmiss.base.tables import table
from nearmiss.engine.formats.records import REMEDY, field

CLASSES = ["false", "true"]


def read_statements(path: Path, *, split: str, images: Mapping[str, str]) -> pl.DataFrame:
    """Table `examples` of task vsr from one file; `images` maps file names to image ids.

    Reads the fields image, caption and label; `condition`, which the world's files add, is iid if it is missing.
    Raises InputError, with the line, for a record that lacks one of them, a label that is neither 0 nor 1, and an
    image that is not among `images`.
    """
    path = Path(path)
    rows: list[dict[str, Any]] = []
    for number, record in read_json_lines(path):
        name = f"line {number}"
        image = field(record, "image", str, file=path, name=name)
        text = field(record, "caption", str, file=path, name=name)
        label = field(record, "label", int, file=path, name=name)
        condition = field(record, "condition", str, file=path, name=name) if "condition" in record else "iid"
        if image not in images:
            raise InputError(f"image {image} is in no list of images", file=path, record=name, remedy=REMEDY)
        if not text.strip() or label not in (0, 1):
            raise InputError(
                "a caption is empty" if label in (0, 1) else f"a label is {label}, not 0 or 1",
                file=path,
                record=name,
                remedy=REMEDY,
            )
        rows.append(
            {
                "example_id": f"{path.parent.name}-{path.stem}-{number:05d}",
                "task": "vsr",
                "split": split,
                "condition": condition,
                "image_id": images[image],
                "text": text,
                "label": label,
                "classes": CLASSES,
                "concept": "relation",
            }
        )
    if not rows:
        raise InputError("the file has no statements", file=path, remedy=REMEDY)
    return table("examples", rows)
