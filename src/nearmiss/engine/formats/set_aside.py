"""Records of published files that cannot be used are set aside with a reason; a strict reader stops at the first.

The result does not depend on the order of records: of several with one id, none is kept. A missing object would count
as absent from its image, so all annotations of an image with a malformed object are set aside. This module has the
common functions of the readers of captions, of instances (coco.py) and of scene graphs (gqa.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import SCHEMAS
from nearmiss.engine.formats.records import REMEDY, field, shown

_CHUNK = 50_000  # rows held as Python objects at the same time
_SLICE = 500_000  # rows joined at the same time
_OUTSIDE = 1.0  # pixels by which a box may exceed its image, because published boxes are rounded
_LARGEST_SIDE = 1 << 31  # pixels
_LARGEST_ID = 1 << 53  # of one that is written as a float


class Fault(NamedTuple):
    """A record that was set aside."""

    record: str
    problem: str
    image_id: str | None = None
    caption_id: str | None = None
    text: str | None = None


class Faults(list[Fault]):
    """The records of a file that are set aside; with `strict`, adding one raises `InputError` instead."""

    def __init__(self, file: Path, *, strict: bool = False) -> None:
        super().__init__()
        self.file, self.strict = Path(file), strict

    def append(self, fault: Fault) -> None:
        """Add a record."""
        if self.strict:
            raise InputError(fault.problem, file=self.file, record=fault.record, remedy=REMEDY)
        super().append(fault)

    def extend(self, faults: Iterable[Fault]) -> None:
        """Add records."""
        for fault in faults:
            self.append(fault)


@dataclass
class Reading:
    """The content of a file: tables by name, and the records that are set aside."""

    tables: dict[str, pl.DataFrame]
    faults: Faults


class Rows:
    """Rows of a table, converted to a data frame in chunks; the last column `record` identifies the source record.

    `further` are columns after those of the table's schema. Without `recorded` there is no column `record`: for
    millions of rows it is the largest column, and ids also identify a row. Columns `without` a value in any row take no
    memory: their type is null.
    """

    def __init__(
        self,
        name: str,
        further: dict[str, Any] | None = None,
        *,
        recorded: bool = True,
        without: Iterable[str] = (),
    ) -> None:
        record = {"record": pl.String} if recorded else {}
        self._schema: dict[str, Any] = {**SCHEMAS[name], **(further or {}), **record}
        self._schema |= dict.fromkeys(without, pl.Null)
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


def sound(
    images: pl.DataFrame,
    objects: pl.DataFrame,
    relations: pl.DataFrame | None,
    faults: Faults,
    spoiled: set[str],
) -> Reading:
    """The tables without the annotations of images with a malformed object; `spoiled` are such images so far."""
    boxes = objects.select("image_id", "object_id", "x", "y", "w", "h", *(set(objects.columns) & {"record"}))
    sizes = images.select("image_id", "width", "height")
    right, bottom = pl.col("x") + pl.col("w"), pl.col("y") + pl.col("h")
    outside = pl.min_horizontal("x", "y", pl.col("width") - right, pl.col("height") - bottom) < -_OUTSIDE
    for part in boxes.iter_slices(_SLICE):
        sized = part.join(sizes, on="image_id", how="left", maintain_order="left")
        set_aside(sized.filter(pl.col("width").is_null()), "its image has no width and height", faults, spoiled)
        set_aside(sized.filter(outside), "its box is outside of the image", faults, spoiled)
    twice = boxes.filter(repeated(boxes["object_id"]))
    set_aside(twice, "its id occurs twice", faults, spoiled)
    tables = {"images": images, "objects": objects}
    if relations is not None:
        tables["relations"] = relations
    sound_ids = images.filter(~pl.col("image_id").is_in(sorted(spoiled)))["image_id"]
    for name in tables.keys() - {"images"}:
        tables[name] = of_images(tables[name], sound_ids)
    return Reading({name: frame.drop("record", strict=False) for name, frame in tables.items()}, faults)


def set_aside(rows: pl.DataFrame, problem: str, faults: Faults, spoiled: set[str]) -> None:
    """Report objects, and mark the annotations of their images as spoiled."""
    for record, image_id in _with_records(rows).select("record", "image_id").iter_rows():
        faults.append(Fault(record, f"{problem}; the image's annotations are set aside with it", image_id))
        spoiled.add(image_id)


def _with_records(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with the column `record`; their ids if they have none."""
    if "record" in rows.columns:
        return rows
    key = "object_id" if "object_id" in rows.columns else "caption_id"
    name = f"image {{}}, {key.removesuffix('_id')} {{}}"
    return rows.with_columns(record=pl.format(name, "image_id", key))


def once(frame: pl.DataFrame, key: str, faults: Faults) -> pl.DataFrame:
    """The rows whose id is unique; the others are reported."""
    twice = repeated(frame[key])
    if not twice.any():
        return frame  # not a copy: it may have millions of rows
    for row in _with_records(frame.filter(twice)).iter_rows(named=True):
        faults.append(
            Fault(row["record"], "its id occurs twice", row["image_id"], row.get("caption_id"), row.get("text"))
        )
    return frame.filter(~twice)


def repeated(ids: pl.Series) -> pl.Series:
    """Whether each id occurs more than once: (ids,) bool.

    Hashes are compared first, because a set of millions of strings takes hundreds of MB.
    """
    hashes = np.sort(ids.hash().to_numpy())
    if (hashes[1:] == hashes[:-1]).any():
        return ids.is_duplicated()
    return pl.repeat(False, len(ids), eager=True)


def known(frame: pl.DataFrame, images: pl.DataFrame, faults: Faults, *, quiet: bool = False) -> pl.DataFrame:
    """The rows of images that the file lists."""
    if not quiet:
        for row in _with_records(frame.join(images, on="image_id", how="anti")).iter_rows(named=True):
            problem = "its image is not in the file's list"
            faults.append(Fault(row["record"], problem, row["image_id"], row.get("caption_id"), row.get("text")))
    return of_images(frame, images["image_id"])


def of_images(frame: pl.DataFrame, image_ids: pl.Series) -> pl.DataFrame:
    """The rows of some images, in their order; the frame, not a copy, if these are all rows."""
    wanted = frame["image_id"].is_in(image_ids.implode())
    return frame if wanted.all() else frame.filter(wanted)


def identifier(record: Any, key: str, path: Path, name: str) -> str:
    """An id as text. Integral floats are accepted: pandas writes 1 as 1.0 in a column with an empty cell."""
    value = field(record, key, (int, float, str), file=path, name=name)
    if isinstance(value, float):
        if not value.is_integer() or abs(value) > _LARGEST_ID:
            raise InputError(f"'{key}' of a record is not an id: {shown(value)}", file=path, record=name)
        value = int(value)
    return unicode_text(str(value), name)


def text(record: Any, key: str, path: Path, name: str) -> str:
    """A text of a record, which must be Unicode."""
    return unicode_text(field(record, key, str, file=path, name=name), name)


def unicode_text(value: str, name: str) -> str:
    """The text. Raises InputError if it has lone surrogates, which are bytes that are not UTF-8."""
    if printable(value) != value:
        raise InputError("its text is not UTF-8", record=name)
    return value


def printable(value: str) -> str:
    """The text with a question mark for each lone surrogate."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def fault_of(name: str, problem: str, record: Any) -> Fault:
    """A fault with the ids and the text of the record, as far as they are valid."""
    given = record if isinstance(record, dict) else {}
    caption = given.get("caption")
    return Fault(
        name,
        printable(problem)[:200],
        _id_or_none(given.get("image_id")),
        _id_or_none(given.get("id")) if "caption" in given else None,
        printable(caption) if isinstance(caption, str) else None,
    )


def _id_or_none(value: Any) -> str | None:
    try:
        return printable(identifier({"id": value}, "id", Path(), ""))
    except InputError:
        return None


def side_of(value: Any) -> int | None:
    """A width or height in whole pixels; None if it is invalid."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value < _LARGEST_SIDE else None
