"""The world's own question files (benchmark, retrieval, classification): rows of the tables of the same names."""

from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.tables import table
from nearmiss.engine.formats.records import REMEDY, entries

ROWS = {"items": "items", "retrieval": "captions", "classification": "questions"}


def read_questions(path: Path, name: str) -> pl.DataFrame:
    """Table `name` (items, retrieval or classification) from its file; a row that does not fit is named."""
    path = Path(path)
    rows: list[dict[str, Any]] = entries(read_json(path), ROWS[name], file=path)
    if not rows:
        raise InputError("the file asks nothing", file=path, record=ROWS[name], remedy=REMEDY)
    schema = table(name, []).schema
    for index, row in enumerate(rows):
        if not isinstance(row, dict) or set(row) != set(schema.names()):
            raise InputError(
                f"a record has not the fields {', '.join(schema.names())}",
                file=path,
                record=f"{ROWS[name]} {index}",
                remedy=REMEDY,
            )
    try:
        return table(name, rows)
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise InputError(f"a record has a value of the wrong type: {error}", file=path, remedy=REMEDY) from None
