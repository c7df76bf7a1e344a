"""VSR's files (Liu, Emerson, Collier, TACL 2023): a JSON object a line, a caption that is true (1) or false (0)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import table
from nearmiss.engine.formats.records import REMEDY, field

CLASSES = ["false", "true"]


def read_statements(path: Path, *, split: str, images: Mapping[str, str]) -> pl.DataFrame:
    """Table `examples` of task vsr from one file; `images` gives the id of an image by its file name.

    Reads the fields image, caption and label; `condition`, which the world's files add, is iid where it is missing.
    Raises InputError, naming the line, for a record that lacks one of them, a label that is neither 0 nor 1, and an
    image that is not among `images`.
    """
    path = Path(path)
    rows: list[dict[str, Any]] = []
    for number, record in _records(path):
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


def _records(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Each line that is not blank, as its number from 1 and its object."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise InputError("a file is missing", file=path, remedy="make it again or correct the path") from None
    except UnicodeDecodeError as error:
        raise InputError("a file is not UTF-8 text", file=path, record=f"byte {error.start}", remedy=REMEDY) from None
    found: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(
                f"malformed JSON: {error.msg}", file=path, record=f"line {number}", remedy=REMEDY
            ) from None
        if not isinstance(record, dict):
            raise InputError("a record is not an object", file=path, record=f"line {number}", remedy=REMEDY)
        found.append((number, record))
    return found
