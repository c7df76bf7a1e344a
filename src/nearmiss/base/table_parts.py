"""Large tables, read, held and written in parts to bound memory, with the checks of base/tables.py."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from types import TracebackType

import polars as pl

from nearmiss.base.files import replacing
from nearmiss.base.tables import OPTIONAL, SCHEMAS, cast_columns, conform, readable

ROWS = 512**2
"""Rows of a part: what polars writes as one row group, so that each is decoded once."""
_ROW_GROUP = 1 << 17  # rows of a row group of a table that is written in parts


def read_parts(path: Path, name: str, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Some columns of a Parquet table, `ROWS` rows at a time, in the order of the file; an absent optional one is null.

    Raises `InputError` as `read_table` does, except that values of other columns are not read.
    """
    path = Path(path)
    with readable(path, name):
        scan = pl.scan_parquet(path, glob=False)
        schema = scan.collect_schema()
        height = scan.select(pl.len()).collect(engine="in-memory").item()
    conform(pl.DataFrame(schema=schema), name, file=path)
    kinds = {**SCHEMAS[name], **OPTIONAL.get(name, {})}
    there = [column for column in columns if column in schema]
    absent = [pl.lit(None, dtype=kinds[column]).alias(column) for column in columns if column not in schema]
    for start in range(0, height, ROWS):
        with readable(path, name):
            part = scan.slice(start, ROWS).select(there).collect(engine="in-memory")
        yield cast_columns(part, {column: kinds[column] for column in there}, name, file=path).with_columns(absent)


class CompressedTable:
    """Rows in compressed parts in memory: a table of millions of rows takes a fifth of its size, or less.

    Iterating yields the parts as data frames, in the order of the rows. `frames` has at least one, which gives the
    columns.
    """

    def __init__(self, frames: Iterable[pl.DataFrame] = ()) -> None:
        self._parts: list[bytes] = []
        self.height = 0
        for frame in frames:
            self.append(frame)

    def append(self, frame: pl.DataFrame) -> None:
        """Add a part."""
        if frame.height or not self._parts:
            content = BytesIO()
            frame.write_ipc(content, compression="zstd")
            self._parts.append(content.getvalue())
            self.height += frame.height

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return (pl.read_ipc(part) for part in self._parts)

    def map(self, function: Callable[[pl.DataFrame], pl.DataFrame]) -> "CompressedTable":
        """The table with a function applied to each part."""
        return CompressedTable(map(function, self))

    def frame(self) -> pl.DataFrame:
        """All rows as one data frame."""
        return pl.concat(self)


AnyTable = pl.DataFrame | CompressedTable


def parts_of(table: AnyTable) -> Iterator[pl.DataFrame]:
    """The rows of a table, `ROWS` or fewer at a time; at least one part."""
    if isinstance(table, CompressedTable):
        return iter(table)
    return iter([table]) if table.height <= ROWS else table.iter_slices(ROWS)


def whole(table: AnyTable) -> pl.DataFrame:
    """A table as one data frame."""
    return table.frame() if isinstance(table, CompressedTable) else table


def distinct(table: AnyTable, column: str) -> pl.Series:
    """The values of a column, each once, sorted."""
    return pl.concat([part[column].unique() for part in parts_of(table)]).unique().sort()


def filtered(table: AnyTable, rows: pl.Expr) -> AnyTable:
    """Some rows of a table, in the same form."""
    return table.map(lambda part: part.filter(rows)) if isinstance(table, CompressedTable) else table.filter(rows)


def grouped(table: AnyTable, groups: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The rows of each group of images, in one pass over the table.

    `groups` has the columns image_id and group, numbered from 0 without gaps; other images are left out.
    """
    first = next(parts_of(table)).clear()
    buckets = [CompressedTable([first]) for _ in range(groups["group"].n_unique())]
    for part in parts_of(table):
        with_group = part.join(groups, on="image_id", maintain_order="left")
        for (number,), rows in with_group.partition_by("group", as_dict=True, include_key=False).items():
            buckets[number].append(rows)
    return (bucket.frame() for bucket in buckets)


class Tables:
    """Collects parts of named tables and writes `folder`/NAME.parquet for each on exit, in the order added.

    Parts are Arrow files in a scratch folder. Row groups have a fixed number of rows, so that the bytes of a table do
    not depend on the parts.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        self._scratch = self._folder / ".parts"
        self._parts: dict[str, list[Path]] = {}

    def __enter__(self) -> "Tables":
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        return self

    def add(self, name: str, frame: pl.DataFrame) -> None:
        """Append rows to a table; a table without rows is written empty."""
        parts = self._parts.setdefault(name, [])
        if frame.height or not parts:
            path = self._scratch / f"{name}-{len(parts):07d}.arrow"
            conform(frame, name, file=path).write_ipc(path, compression="lz4")
            parts.append(path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                for name, parts in sorted(self._parts.items()):
                    self._write(name, parts)
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _write(self, name: str, parts: list[Path]) -> None:
        with replacing(self._folder / f"{name}.parquet") as partial:
            pl.scan_ipc(parts, glob=False).sink_parquet(
                partial, statistics=False, row_group_size=_ROW_GROUP, maintain_order=True, engine="streaming"
            )
