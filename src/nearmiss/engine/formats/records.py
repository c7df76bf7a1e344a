"""Common functions of strict readers of published JSON; errors name the record that is malformed."""

import reprlib
from math import isfinite
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError

REMEDY = "correct the record or restore the file from its source"
_LARGEST = 2**53  # larger integers are not exact as floats

_Shortened = reprlib.Repr()
_Shortened.maxstring = _Shortened.maxother = _Shortened.maxlong = 120
_Shortened.maxlist = _Shortened.maxdict = 12


def field(record: Any, key: str, kind: type | tuple[type, ...], *, file: Path, name: str) -> Any:
    """`record[key]`, which must be of `kind`; `name` identifies the record in errors."""
    if not isinstance(record, dict):
        raise InputError("a record is not an object", file=file, record=name, remedy=REMEDY)
    if key not in record:
        raise InputError(f"a record lacks '{key}'", file=file, record=name, remedy=REMEDY)
    value = record[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(
            f"'{key}' of a record has the wrong type: {shown(value)}", file=file, record=name, remedy=REMEDY
        )
    return value


def entries(document: Any, key: str, *, file: Path) -> list[Any]:
    """The list under `key` of a whole file."""
    found: list[Any] = field(document, key, list, file=file, name="the whole file")
    return found


def box(values: Any, *, file: Path, name: str) -> tuple[float, float, float, float]:
    """x, y, w, h in pixels: finite numbers below 2**53, not negative in width or height."""
    good = isinstance(values, list) and len(values) == 4 and all(map(_is_number, values))
    if not good or values[2] < 0 or values[3] < 0:
        raise InputError(f"a box is not x, y, w, h: {shown(values)}", file=file, record=name, remedy=REMEDY)
    x, y, w, h = map(float, values)
    return x, y, w, h


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < _LARGEST and (isinstance(value, int) or isfinite(value))


def is_crowd(annotation: dict[str, Any], file: Path, name: str) -> bool:
    """Whether an annotation of COCO is a crowd. Raises InputError if `iscrowd` is neither 0, 1 nor missing."""
    value = annotation.get("iscrowd")
    if value not in (0, 1, None):
        raise InputError(f"'iscrowd' is neither 0 nor 1: {shown(value)}", file=file, record=name, remedy=REMEDY)
    return bool(value)


def shown(value: Any) -> str:
    """A value of a record for a message, truncated if it is long or deeply nested."""
    return _Shortened.repr(value)


def unique(seen: set[str], value: str, *, file: Path, name: str) -> str:
    """`value`, which must not be in `seen`; it is added."""
    if value in seen:
        raise InputError(f"the id {value} occurs twice", file=file, record=name, remedy=REMEDY)
    seen.add(value)
    return value
