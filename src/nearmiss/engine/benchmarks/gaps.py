"""Checks that tables of items have no gaps: a null or an empty text would be scored, or raise an unclear error."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError


def refuse_gaps(
    frame: pl.DataFrame, columns: Sequence[str], *, file: Path, key: str, empty: Sequence[str] = ()
) -> None:
    """Raise InputError where a column holds a null, a blank text, NaN or an empty list, at any depth of its lists.

    Lists of the columns `empty` may be empty. `key` is the column that names a row in the message.
    """
    for name in columns:
        rows = frame.select(name).with_row_index("row")
        while True:
            kind = rows.schema[name]
            gap = pl.col(name).is_null()
            if kind == pl.String:
                gap |= pl.col(name).str.strip_chars() == ""
            elif kind.is_float():
                gap |= pl.col(name).is_nan()
            elif isinstance(kind, pl.List) and name not in empty:
                gap |= pl.col(name).list.len() == 0
            found = rows.filter(gap)
            if found.height:
                raise InputError(
                    f"a question has nothing where '{name}' is due",
                    file=file,
                    record=frame[key][int(found["row"][0])],
                    remedy="make the table again",
                )
            if not isinstance(kind, pl.List):
                break
            rows = rows.filter(pl.col(name).list.len() > 0).explode(name)
