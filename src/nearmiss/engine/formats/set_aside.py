"""Records of published files that cannot be used are set aside with a reason; a strict reader stops at the first.

The result does not depend on the order of records: of several with one id, none is kept. A missing object would count
as absent from its image, so all annotations of an image with a malformed object are set aside. This module has the
common functions of the readers of captions, of instances (coco.py) and of scene graphs (gqa.py).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.table_parts import AnyTable, CompressedTable, parts_of
from nearmiss.base.tables import SCHEMAS
from nearmiss.engine.formats.records import REMEDY, field, shown

_CHUNK = 50_000  # rows held as Python objects at the same time
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


@dataclass
class LargeReading:
    """The content of a file whose tables may have millions of rows."""

    images: pl.DataFrame
    tables: dict[str, CompressedTable]
    faults: Faults

    def reading(self) -> Reading:
        """The tables as data frames."""
        return Reading(
            {"images": self.images, **{name: table.frame() for name, table in self.tables.items()}}, self.faults
        )


class Rows:
    """Rows of a table, compressed in chunks; the last column `record` identifies the source record.

    `further` are columns after those of the table's schema. Without `recorded` there is no column `record`: for
    millions of rows it is the largest column, and ids also identify a row. Columns `without` a value in any row take no
    memory: their type is null. `finish` is applied to each chunk.
    """

    def __init__(
        self,
        name: str,
        further: dict[str, Any] | None = None,
        *,
        recorded: bool = True,
        without: Iterable[str] = (),
        finish: Callable[[pl.DataFrame], pl.DataFrame] = lambda chunk: chunk,
    ) -> None:
        record = {"record": pl.String} if recorded else {}
        self._schema: dict[str, Any] = {**SCHEMAS[name], **(further or {}), **record}
        self._schema |= dict.fromkeys(without, pl.Null)
        self._rows: list[tuple[Any, ...]] = []
        self._table = CompressedTable()
        self._finish = finish

    def add(self, *values: Any) -> None:
        """Add a row: its values in the order of the columns."""
        self._rows.append(values)
        if len(self._rows) >= _CHUNK:
            self._flush()

    def _flush(self) -> None:
        self._table.append(self._finish(pl.DataFrame(self._rows, schema=self._schema, orient="row")))
        self._rows = []

    def table(self) -> CompressedTable:
        """All rows so far."""
        self._flush()
        return self._table

    def frame(self) -> pl.DataFrame:
        """All rows so far as one data frame."""
        return self.table().frame()


def sound(images: pl.DataFrame, tables: dict[str, CompressedTable], faults: Faults, spoiled: set[str]) -> LargeReading:
    """The tables without the annotations of images with a malformed object; `spoiled` are such images so far.

    `tables` has objects, and maybe relations.
    """
    sizes = images.select("image_id", "width", "height")
    right, bottom = pl.col("x") + pl.col("w"), pl.col("y") + pl.col("h")
    outside = pl.min_horizontal("x", "y", pl.col("width") - right, pl.col("height") - bottom) < -_OUTSIDE
    for part in tables["objects"]:
        sized = part.join(sizes, on="image_id", how="left", maintain_order="left")
        set_aside(sized.filter(pl.col("width").is_null()), "its image has no width and height", faults, spoiled)
        set_aside(sized.filter(outside), "its box is outside of the image", faults, spoiled)
    for part in repeated(tables["objects"], "object_id"):
        set_aside(part, "its id occurs twice", faults, spoiled)
    sound_ids = images.filter(~pl.col("image_id").is_in(sorted(spoiled)))["image_id"]

    def of_sound(part: pl.DataFrame) -> pl.DataFrame:
        return of_images(part, sound_ids).drop("record", strict=False)

    return LargeReading(
        images.drop("record", strict=False), {name: each.map(of_sound) for name, each in tables.items()}, faults
    )


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


def once(rows: CompressedTable, key: str, faults: Faults) -> CompressedTable:
    """The rows whose id is unique; the others are reported."""
    twice: set[str] = set()
    for part in repeated(rows, key):
        for row in _with_records(part).iter_rows(named=True):
            twice.add(row[key])
            faults.append(
                Fault(row["record"], "its id occurs twice", row["image_id"], row.get("caption_id"), row.get("text"))
            )
    ids = pl.Series(key, sorted(twice), dtype=pl.String).implode()
    return rows.map(lambda part: part.filter(~pl.col(key).is_in(ids))) if twice else rows


def repeated(rows: AnyTable, key: str) -> Iterator[pl.DataFrame]:
    """The rows whose id occurs more than once, in parts.

    Hashes are compared first, because a set of millions of strings takes hundreds of MB.
    """
    hashes = np.concatenate([part[key].hash().to_numpy() for part in parts_of(rows)])
    hashes.sort()
    found = pl.Series(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))
    if found.is_empty():
        return
    alike = [part.filter(part[key].hash().is_in(found.implode())) for part in parts_of(rows)]
    ids = pl.concat([part[key] for part in alike])
    twice = ids.filter(ids.is_duplicated()).unique().implode()
    yield from (part.filter(pl.col(key).is_in(twice)) for part in alike)


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
