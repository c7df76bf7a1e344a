"""COCO and GQA files as people have them: a record that is wrong is set aside with its reason, the rest is read.

The strict readers (coco.py, gqa.py) stop at the first fault, as files that we publish must have none. Here records
come one by one from a file of any size. Nothing depends on the order of records: of several with one id none is kept.
What the annotations of an image lack would count as absent from it, so an image with a faulty object loses them all.
This file reads captions and holds what the readers of instances and of scene graphs share.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import SCHEMAS
from nearmiss.engine.formats import stream
from nearmiss.engine.formats.records import field as value_of
from nearmiss.engine.formats.records import shown

_CHUNK = 50_000  # rows that are Python objects at once
_OUTSIDE = 1.0  # pixels that a box may reach beyond its image: published boxes are rounded
_LARGEST_SIDE = 1 << 31  # pixels
_LARGEST_ID = 1 << 53  # of one that is written as a float


class Fault(NamedTuple):
    """A record that was set aside."""

    record: str
    problem: str
    image_id: str | None = None
    caption_id: str | None = None
    text: str | None = None


@dataclass
class Salvaged:
    """Tables by name, and the records that are in none of them."""

    tables: dict[str, pl.DataFrame]
    faults: list[Fault] = field(default_factory=list)


class Rows:
    """Rows of a table that become a frame now and then; a last column `record` says where each comes from.

    `further` are columns that follow those of the table's schema.
    """

    def __init__(self, name: str, further: dict[str, Any] | None = None) -> None:
        self._schema: dict[str, Any] = {**SCHEMAS[name], **(further or {}), "record": pl.String}
        self._rows: list[tuple[Any, ...]] = []
        self._frames: list[pl.DataFrame] = []

    def add(self, *values: Any) -> None:
        """Add a row: its values in the order of the columns."""
        self._rows.append(values)
        if len(self._rows) >= _CHUNK:
            self._flush()

    def _flush(self) -> None:
        self._frames.append(pl.DataFrame(self._rows, schema=self._schema, orient="row"))
        self._rows = []

    def frame(self) -> pl.DataFrame:
        """All rows so far."""
        self._flush()
        return pl.concat(self._frames)


def read_captions(path: Path) -> Salvaged:
    """Tables `images` and `captions` of a COCO captions file, the text of captions as it stands.

    Sizes of images are not needed and may be null. Faults: records that lack something, texts that are not Unicode, ids
    that stand twice, captions of images that the file does not list (where it lists any).
    """
    images, captions, faults = Rows("images"), Rows("captions"), list[Fault]()
    for key, number, record in records(path):
        name = name_of(key, record, number)
        try:
            if key == "images":
                images.add(*image_of(record, path, name), name)
            elif key == "annotations":
                captions.add(*_caption(record, path, name), name)
        except InputError as error:
            faults.append(fault_of(name, error.problem, record))
    listed, said = once(images.frame(), "image_id", faults), once(captions.frame(), "caption_id", faults)
    if listed.height:
        said = known(said, listed, faults)
    return Salvaged({"images": listed.drop("record"), "captions": said.drop("record")}, faults)


def records(path: Path) -> Iterator[tuple[str, int, Any]]:
    """(list, number in it, record) of all images, annotations and categories of a file in COCO's format, in its order.

    Raises InputError where the file has none of these lists.
    """
    lists = ("images", "annotations", "categories")
    numbers = dict.fromkeys(lists, 0)
    empty = True
    for key, record in stream.entries(path, lists):
        if key in numbers:
            empty = False
            yield key, numbers[key], record
            numbers[key] += 1
    if empty:
        raise InputError(
            "the file has neither images nor annotations", file=path, remedy="give a file in COCO's format"
        )


def name_of(key: str, record: Any, number: int) -> str:
    """Of a record, by its id where it has one: its place in the file says nothing in another order."""
    known = record.get("id") if isinstance(record, dict) else None
    named = isinstance(known, int | str) and not isinstance(known, bool)
    singular = "category" if key == "categories" else key[:-1]
    return f"{singular} {printable(str(known))}" if named else f"{singular} without an id, number {number}"


def image_of(record: Any, path: Path, name: str) -> tuple[Any, ...]:
    """A row of table `images`; sides that are missing or no sizes are null."""
    image_id = identifier(record, "id", path, name)
    sides = [side_of(record.get(side)) for side in ("width", "height")]
    return image_id, file_of(record, image_id), *(sides if all(sides) else (None, None)), "train", "coco"


def side_of(value: Any) -> int | None:
    """A width or height in whole pixels; None where it is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value < _LARGEST_SIDE else None


def file_of(image: dict[str, Any], image_id: str) -> str:
    """The file of an image record; where it names none (LVIS), the last part of its `coco_url`, else COCO 2017's name.

    "" where nothing tells it. Blanks and backslashes stay as they are.
    """
    name, url = image.get("file_name"), image.get("coco_url")
    if isinstance(name, str) and name:
        return printable(name)
    if isinstance(url, str) and url.rstrip("/"):
        return printable(url.split("?")[0].split("#")[0].rstrip("/").rpartition("/")[2])
    return f"{int(image_id):012d}.jpg" if image_id.isascii() and image_id.isdigit() and len(image_id) <= 12 else ""


def _caption(record: Any, path: Path, name: str) -> tuple[Any, ...]:
    said = text(record, "caption", path, name)
    ids = [identifier(record, key, path, name) for key in ("id", "image_id")]
    template = record.get("template_id")
    return *ids, said, template if isinstance(template, str) else None, "published"


def sound(
    images: pl.DataFrame,
    objects: pl.DataFrame,
    relations: pl.DataFrame | None,
    faults: list[Fault],
    spoiled: set[str],
) -> Salvaged:
    """The tables without the annotations of images of which an object is faulty; `spoiled` are such images so far."""
    sized = objects.join(images.select("image_id", "width", "height"), on="image_id", how="left", maintain_order="left")
    set_aside(sized.filter(pl.col("width").is_null()), "its image has no width and height", faults, spoiled)
    right, bottom = pl.col("x") + pl.col("w"), pl.col("y") + pl.col("h")
    outside = pl.min_horizontal("x", "y", pl.col("width") - right, pl.col("height") - bottom) < -_OUTSIDE
    set_aside(sized.filter(outside), "its box lies outside the image", faults, spoiled)
    twice = objects.filter(pl.col("object_id").is_duplicated())
    set_aside(twice, "its id stands twice", faults, spoiled)
    kept = ~pl.col("image_id").is_in(sorted(spoiled))
    tables = {"images": images, "objects": objects.filter(kept)}
    if relations is not None:
        tables["relations"] = relations.filter(kept).join(images.select("image_id"), on="image_id", how="semi")
    return Salvaged({name: frame.drop("record") for name, frame in tables.items()}, faults)


def set_aside(rows: pl.DataFrame, problem: str, faults: list[Fault], spoiled: set[str]) -> None:
    """Report objects, and count the annotations of their images as spoiled."""
    for record, image_id in rows.select("record", "image_id").iter_rows():
        faults.append(Fault(record, f"{problem}; the image's annotations are set aside with it", image_id))
        spoiled.add(image_id)


def once(frame: pl.DataFrame, key: str, faults: list[Fault]) -> pl.DataFrame:
    """The rows whose id stands once; the others are reported."""
    twice = pl.col(key).is_duplicated()
    for row in frame.filter(twice).iter_rows(named=True):
        faults.append(
            Fault(row["record"], "its id stands twice", row["image_id"], row.get("caption_id"), row.get("text"))
        )
    return frame.filter(~twice)


def known(frame: pl.DataFrame, images: pl.DataFrame, faults: list[Fault], *, quiet: bool = False) -> pl.DataFrame:
    """The rows of images that the file lists."""
    if not quiet:
        for row in frame.join(images, on="image_id", how="anti").iter_rows(named=True):
            problem = "its image is not in the file's list"
            faults.append(Fault(row["record"], problem, row["image_id"], row.get("caption_id"), row.get("text")))
    return frame.join(images.select("image_id"), on="image_id", how="semi", maintain_order="left")


def identifier(record: Any, key: str, path: Path, name: str) -> str:
    """An id as text. Whole floats are ids, too: pandas writes 1 as 1.0 in a column that has an empty cell."""
    value = value_of(record, key, (int, float, str), file=path, name=name)
    if isinstance(value, float):
        if not value.is_integer() or abs(value) > _LARGEST_ID:
            raise InputError(f"'{key}' of a record is no id: {shown(value)}", file=path, record=name)
        value = int(value)
    return unicode_text(str(value), name)


def text(record: Any, key: str, path: Path, name: str) -> str:
    """A text of a record, which must be Unicode."""
    return unicode_text(value_of(record, key, str, file=path, name=name), name)


def unicode_text(value: str, name: str) -> str:
    """The text itself. Raises InputError where it has lone surrogates, which are bytes that are not UTF-8."""
    if printable(value) != value:
        raise InputError("its text is not UTF-8", record=name)
    return value


def printable(value: str) -> str:
    """The text with a question mark for each lone surrogate."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def fault_of(name: str, problem: str, record: Any) -> Fault:
    """With as much of the record as can be written down."""
    given = record if isinstance(record, dict) else {}
    said = given.get("caption")
    return Fault(
        name,
        printable(problem)[:200],
        _id_or_none(given.get("image_id")),
        _id_or_none(given.get("id")) if "caption" in given else None,
        printable(said) if isinstance(said, str) else None,
    )


def _id_or_none(value: Any) -> str | None:
    try:
        return printable(identifier({"id": value}, "id", Path(), ""))
    except InputError:
        return None
