"""Large tables, read and written in parts to bound memory, with the checks of base/tables.py."""

import shutil
from collections.abc import Iterator, Sequence
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
