"""Image classification as Food-101 publishes it (Bossard, Guillaumin, Van Gool, ECCV 2014; its folder `meta`):

`classes.txt` has one class per line; `train.json` and similar files list the images of each class, without suffix.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, read_text
from nearmiss.base.tables import table
from nearmiss.engine.formats.records import REMEDY, field, unique


def read_classes(path: Path) -> list[str]:
    """The classes of `classes.txt`, in file order. Raises InputError for a missing, empty or duplicate class."""
    path = Path(path)
    classes = [line.strip() for line in read_text(path).split("\n") if line.strip()]
    twice = [name for name, count in Counter(classes).items() if count > 1]
    if len(classes) < 2 or twice:
        raise InputError(
            f"the class {twice[0]} occurs twice" if twice else "the file has less than two classes",
            file=path,
            remedy=REMEDY,
        )
    return classes


def read_labels(
    path: Path, classes: list[str], *, task: str, concept: str, split: str, condition: str, images: Mapping[str, str]
) -> pl.DataFrame:
    """Table `examples` of a task from one file; `images` maps the name of an image without suffix to its id.

    Raises InputError for a class that `classes` lacks, an image that occurs twice or is not among `images`, and a file
    without examples. A class without images is not an error.
    """
    path = Path(path)
    document = read_json(path)
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for label in document if isinstance(document, dict) else ():
        if label not in classes:
            raise InputError(f"the class {label} is not in classes.txt", file=path, record=label, remedy=REMEDY)
    for index, label in enumerate(classes):
        names = field(document, label, list, file=path, name="the whole file")
        for name in names:
            if not isinstance(name, str) or name not in images:
                raise InputError(f"image {name!r} is in no list of images", file=path, record=label, remedy=REMEDY)
            rows.append(
                {
                    "example_id": unique(seen, f"{path.stem}-{name}", file=path, name=label),
                    "task": task,
                    "split": split,
                    "condition": condition,
                    "image_id": images[name],
                    "text": None,
                    "label": index,
                    "classes": classes,
                    "concept": concept,
                }
            )
    if not rows:
        raise InputError("the file has no examples", file=path, remedy=REMEDY)
    return table("examples", rows)
