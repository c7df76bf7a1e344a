"""The captions of one set of a table, read whole or in parts. Captions of a set are used together, such as `broad`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.table_parts import read_parts
from nearmiss.base.tables import read_table, readable


def read_caption_set(path: Path, name: str | None) -> pl.DataFrame:
    """The captions of one set of a table, without the column `set`; a table that has no such column is one set.

    Raises `InputError` where the table has no set of this name, and where it has several and none is named.
    """
    captions = read_table(path, "captions")
    if "set" not in captions.columns:
        return captions
    _check_set(path, name, captions["set"])
    return (captions if name is None else captions.filter(pl.col("set") == name)).drop("set")


def read_caption_parts(path: Path, name: str | None, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Some columns of the captions of one set, in parts; raises `InputError` as `read_caption_set` does."""
    with readable(Path(path), "captions"):
        has_sets = "set" in pl.scan_parquet(path, glob=False).collect_schema()
    if not has_sets:
        yield from read_parts(path, "captions", columns)
        return
    sets = [part["set"].unique() for part in read_parts(path, "captions", ("set",))]
    _check_set(path, name, pl.concat([pl.Series("set", [], dtype=pl.String), *sets]))
    for part in read_parts(path, "captions", (*columns, "set")):
        yield (part if name is None else part.filter(pl.col("set") == name)).drop("set")


def _check_set(path: Path, name: str | None, column: pl.Series) -> None:
    """Raise `InputError` where the column `set` of a table has no such set, or several and none is named."""
    sets = sorted(column.drop_nulls().unique())
    if name is None and len(sets) > 1:
        raise InputError(
            "the table has several sets of captions and none is named",
            file=path,
            record="column 'set'",
            remedy=f"name one of: {', '.join(sets)}",
        )
    if name is not None and name not in sets:
        raise InputError(
            f"the table has no set '{name}' of captions",
            file=path,
            record="column 'set'",
            remedy=f"name one of: {', '.join(sets) or 'none'}",
        )
