"""The world's benchmark files (items, retrieval, classification): rows of the tables of the same names."""

from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.tables import OPTIONAL, table
from nearmiss.engine.formats.records import REMEDY, entries

ROWS = {"items": "items", "retrieval": "captions", "classification": "questions"}


def read_questions(path: Path, name: str) -> pl.DataFrame:
    """Table `name` (items, retrieval or classification) from its file, with the optional columns that a row has.

    A malformed row is named in the error.
    """
    path = Path(path)
    rows: list[dict[str, Any]] = entries(read_json(path), ROWS[name], file=path)
    if not rows:
        raise InputError("the file has no records", file=path, record=ROWS[name], remedy=REMEDY)
    schema, optional = table(name, []).schema, OPTIONAL.get(name, pl.Schema())
    for index, row in enumerate(rows):
        if not isinstance(row, dict) or not set(schema) <= set(row) <= set(schema | optional):
            raise InputError(
                f"a record does not have the fields {', '.join(schema.names())}",
                file=path,
                record=f"{ROWS[name]} {index}",
                remedy=REMEDY,
            )
        # polars would convert a number to text, and a string in place of a list to null
        wrong = [column for column, value in row.items() if not _fits(value, (schema | optional)[column])]
        if wrong:
            raise InputError(
                f"'{wrong[0]}' of a record has the wrong type",
                file=path,
                record=f"{ROWS[name]} {index}",
                remedy=REMEDY,
            )
    try:
        given = {column: kind for column, kind in optional.items() if any(column in row for row in rows)}
        return pl.DataFrame(rows, schema={**schema, **given}, orient="row")
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise InputError(f"a record has a value of the wrong type: {error}", file=path, remedy=REMEDY) from None


def _fits(value: Any, kind: pl.DataType) -> bool:
    """Whether a JSON value has the type of a column or is null."""
    if value is None:
        return True
    if isinstance(kind, pl.List):
        return isinstance(value, list) and all(_fits(each, kind.inner) for each in value)  # type: ignore[arg-type]
    if isinstance(value, bool) or kind == pl.Boolean:
        return isinstance(value, bool) and kind == pl.Boolean
    if kind == pl.Int64:
        return isinstance(value, int) and -(1 << 63) <= value < 1 << 63
    return isinstance(value, int | float if kind == pl.Float64 else str)
