"""Large tables, read in parts: some columns of some rows at a time, with the checks of base/tables.py."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from nearmiss.base.tables import OPTIONAL, SCHEMAS, cast_columns, conform, readable

ROWS = 512**2
"""Rows of a part: what polars writes as one row group, so that each is decoded once."""


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
