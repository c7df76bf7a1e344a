"""Columns as other tools write them, cast to the types of a table's schema without losing or inventing a value.

Accepted: categorical (dictionary) strings, ids as integers, ids and integers as floats where every value is whole
(pandas writes 1 as 1.0 in a column that has an empty cell). NaN in a column of ids or integers is null.
"""

import re
from typing import Any

import polars as pl

_EXACT = 2**53  # beyond it, a float no longer tells two integers apart
_INDEX = re.compile(r"__index_level_\d+__|Unnamed: \d+")


def is_index(name: str) -> bool:
    """Whether a column is an index that pandas wrote next to the data."""
    return _INDEX.fullmatch(name) is not None


def cast(column: pl.Series, dtype: Any) -> pl.Series:
    """The column with type `dtype`. Raises ValueError, with the reason, where a value would change."""
    if column.dtype == dtype:
        return column
    if column.dtype == pl.Null:
        return column.cast(dtype)
    if dtype == pl.String:
        return _strings(column)
    if dtype == pl.Int64 and column.dtype.is_float():
        return _whole(column)
    if isinstance(dtype, pl.List) and not isinstance(column.dtype, pl.List | pl.Array):
        raise ValueError(f"it holds {column.dtype}, not lists")
    if dtype == pl.List(pl.String) and not _is_text(column.dtype.inner):  # type: ignore[attr-defined]
        raise ValueError(f"its lists hold {column.dtype.inner}, not text")  # type: ignore[attr-defined]
    try:
        return column.cast(dtype)
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error).splitlines()[0]) from None


def _strings(column: pl.Series) -> pl.Series:
    if _is_text(column.dtype):
        return column.cast(pl.String)
    if not column.name.endswith("_id"):
        raise ValueError(f"it holds {column.dtype}, not text")
    if column.dtype.is_integer():
        return column.cast(pl.String)
    if column.dtype.is_float():
        return _whole(column).cast(pl.String)
    raise ValueError(f"it holds {column.dtype}, not ids")


def _whole(column: pl.Series) -> pl.Series:
    """Integers from floats that are whole; NaN becomes null."""
    column = column.cast(pl.Float64).fill_nan(None)
    wrong = column.filter((column != column.round()) | (column.abs() > _EXACT))
    if len(wrong):
        raise ValueError(f"{wrong[0]} is not a whole number")
    return column.cast(pl.Int64)


def _is_text(dtype: Any) -> bool:
    return isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Null)
