"""What strict readers of published JSON share: a record that lacks a field or has a wrong one is named."""

from math import isfinite
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError

REMEDY = "correct the record or restore the file from its source"


def field(record: Any, key: str, kind: type | tuple[type, ...], *, file: Path, name: str) -> Any:
    """`record[key]`, which must be of `kind`; `name` says which record this is."""
    if not isinstance(record, dict):
        raise InputError("a record is not an object", file=file, record=name, remedy=REMEDY)
    if key not in record:
        raise InputError(f"a record lacks '{key}'", file=file, record=name, remedy=REMEDY)
    value = record[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(f"'{key}' of a record has the wrong type: {value!r}", file=file, record=name, remedy=REMEDY)
    return value


def entries(document: Any, key: str, *, file: Path) -> list[Any]:
    """The list under `key` of a whole file."""
    found: list[Any] = field(document, key, list, file=file, name="the whole file")
    return found


def box(values: Any, *, file: Path, name: str) -> tuple[float, float, float, float]:
    """x, y, w, h in pixels: finite numbers, not negative in width or height."""
    good = isinstance(values, list) and len(values) == 4 and all(map(_is_number, values))
    if not good or values[2] < 0 or values[3] < 0:
        raise InputError(f"a box is not x, y, w, h: {values!r}", file=file, record=name, remedy=REMEDY)
    x, y, w, h = map(float, values)
    return x, y, w, h


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def unique(seen: set[str], value: str, *, file: Path, name: str) -> str:
    """`value`, which no earlier record may have had."""
    if value in seen:
        raise InputError(f"the id {value} stands twice", file=file, record=name, remedy=REMEDY)
    seen.add(value)
    return value
