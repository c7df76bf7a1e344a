"""Common functions of the exchange formats of negatives: pairs to table `negatives`, image ids to file names and back.

Published files have fewer fields than table `negatives`. `mode` is "released" and `verdict` is "unchecked". Concept and
operator are derived from the types of the format. The id of a caption consists of its image and the position of its
text among the captions of that image, so that the negatives of one caption share it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import conform, table
from nearmiss.engine.formats.records import REMEDY
from nearmiss.engine.text.edits import diff

MODE = "released"
COCO_NAME = "{:012d}.jpg"
"""How COCO 2017 names an image's file by its number."""
_MOST_DIGITS = 100
_COCO_FILE = re.compile(r"(?:COCO_[a-z]+\d{4}_)?(\d{12})\.jpg")


@dataclass(frozen=True)
class Published:
    """A pair of a published file; `kind` is its type in the format."""

    pair_id: str
    image_id: str
    kind: str
    positive: str
    negative: str
    concept: str | None = None
    operator: str | None = None
    caption_id: str | None = None  # of the format, if it has one


def negatives(pairs: Iterable[Published], *, method: str, file: Path) -> pl.DataFrame:
    """Table `negatives` in the order of the pairs, edits found by comparing the texts.

    Raises InputError if there are no pairs. Pairs with equal texts are kept: the audit counts them.
    """
    captions: dict[str, dict[str, int]] = {}
    rows: list[dict[str, Any]] = []
    for pair in pairs:
        numbers = captions.setdefault(pair.image_id, {})
        number = numbers.setdefault(pair.positive, len(numbers))
        rows.append(
            {
                "negative_id": pair.pair_id,
                "caption_id": pair.caption_id or f"{pair.image_id}-{number}",
                "image_id": pair.image_id,
                "method": method,
                "mode": MODE,
                "type": pair.kind,
                "concept": pair.concept,
                "operator": pair.operator,
                "template_id": None,
                "positive": pair.positive,
                "negative": pair.negative,
                "edits": [edit.as_record() for edit in diff(pair.positive, pair.negative)],
                "foil_in_scene": None,
                "verdict": "unchecked",
                "seed": None,
            }
        )
    if not rows:
        raise InputError("the file has no pairs of a caption and its negative", file=file, remedy=REMEDY)
    return table("negatives", rows)


def positives(frame: pl.DataFrame) -> pl.DataFrame:
    """Table `captions` of the positives of table `negatives`, each once; their source is the method."""
    columns = {"caption_id": "caption_id", "image_id": "image_id", "positive": "text", "method": "source"}
    found = frame.select(columns.keys()).rename(columns).unique("caption_id", keep="first", maintain_order=True)
    return table("captions", found.with_columns(template_id=None).to_dicts())


def text(value: Any, key: str, *, file: Path, name: str) -> str:
    """A caption of a record, a string that is not blank. Raises InputError, with the record, otherwise."""
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"'{key}' of a record is not a string: {value!r}", file=file, record=name, remedy=REMEDY)
    return value


def image_id(file_name: str) -> str:
    """The id of a published image file: COCO's number without zeros if the name is COCO's, else the name."""
    match = _COCO_FILE.fullmatch(file_name.rsplit("/", maxsplit=1)[-1])
    return str(int(match[1])) if match else file_name


@dataclass(frozen=True)
class FileNames:
    """The file of an image id: from `known`, else from `pattern` if the id is a number, else the id."""

    known: Mapping[str, str]
    pattern: str = COCO_NAME

    def __post_init__(self) -> None:
        try:
            self.pattern.format(1)
        except (ValueError, IndexError, KeyError):
            raise InputError(
                f"'{self.pattern}' is not a pattern of file names", remedy=f"write it like {COCO_NAME}"
            ) from None

    def __call__(self, image: str) -> str:
        """The file name of an image id."""
        if image in self.known:
            return self.known[image]
        return self.pattern.format(int(image)) if is_number(image) else image


def is_number(image: str) -> bool:
    """Whether an image id consists of ASCII digits."""
    return image.isascii() and image.isdigit() and len(image) <= _MOST_DIGITS


def refuse_equal_ids(frame: pl.DataFrame, written: Callable[[str], str], *, file: Path) -> None:
    """Raises InputError if two image ids have the same `written` form, such as "0001" and "1" as numbers."""
    ids: dict[str, str] = {}
    for image in sorted(frame["image_id"].unique().to_list()):
        name = written(image)
        if name in ids:
            raise InputError(
                f"two image ids would become one, {name}, in this format",
                file=file,
                record=f"'{ids[name]}' and '{image}'",
                remedy="rename the ids, or give the file of each id with --images",
            )
        ids[name] = image


def refuse_empty_cells(frame: pl.DataFrame, *, file: Path) -> None:
    """Raises InputError if a negative lacks its image, its positive or its negative."""
    for column in ("image_id", "positive", "negative"):
        lacking = frame.filter(pl.col(column).is_null())
        if lacking.height:
            raise InputError(
                f"{lacking.height} negatives lack '{column}'",
                file=file,
                record=f"negative {lacking['negative_id'][0]}",
                remedy="leave these rows out, or fill them in",
            )


def writable(frame: pl.DataFrame, *, file: Path) -> list[dict[str, Any]]:
    """The rows of table `negatives` that a writer writes, in order. Raises InputError if there are none."""
    if frame.is_empty():
        raise InputError("there are no negatives to write", file=file, remedy="give a table with negatives")
    return conform(frame, "negatives", file=file).to_dicts()
