"""NumPy's .npy files with a one-dimensional array of Python objects, read as data; see safe_pickle.py."""

import re
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.engine.formats.safe_pickle import Array, Refused, SafeUnpickler

# Magic, version and length of the header (NEP 1), then the header as every version of NumPy writes it.
_HEADER = re.compile(
    rb"\x93NUMPY(?:\x01\x00..|[\x02\x03]\x00....)"
    rb"\{'descr': '[|<>=]?O[48]?', 'fortran_order': (?:False|True), 'shape': \((\d{1,12}),\),? *\} *\n",
    re.DOTALL,
)
_DEEPEST = 8  # levels of containers in a record
_SPREAD = 16  # values of all records per byte of the file; more means that one container is referenced many times
_PLAIN = (str, int, float, bool, type(None), bytes, bytearray, list, tuple, dict, Array)


def read_objects(file: Path, remedy: str) -> list[Any]:
    """The objects of the file: None, bool, int, float, str and bytes in lists, tuples and dictionaries.

    Arrays and scalars of NumPy become lists and Python values. Raises InputError, with the record if it is known, for
    a file that is missing, is not an object array, contains other types, is damaged, is nested deeper than 8 levels, or
    refers to shared containers so often that its expanded size far exceeds that of the file (both our choice).
    """
    if not file.is_file():
        raise InputError("a file is missing", file=file, remedy="make it again or correct the path")
    content = file.read_bytes()
    header = _HEADER.match(content)
    if header is None:
        raise _refused("its header is not that of a one-dimensional array of objects", file, remedy)
    reader = SafeUnpickler(content[header.end() :])
    try:
        found, size = reader.load()
    except Refused as error:
        begun = reader.records_begun()
        raise _refused(str(error), file, remedy, begun - 1 if begun else None) from None
    if not isinstance(found, list):
        raise _refused(f"it contains a {type(found).__name__}", file, remedy)
    if len(found) != int(header[1]) or header.end() + size != len(content):
        raise _refused(
            f"its header states {int(header[1])} records in {len(content) - header.end()} bytes, it has {len(found)}"
            f" in {size}",
            file,
            remedy,
        )
    left = _SPREAD * len(content)
    for index, record in enumerate(found):
        try:
            left -= _size([record], left)
        except Refused as error:
            raise _refused(str(error), file, remedy, index) from None
    return list(found)


def _size(level: list[Any], most: int) -> int:
    """Number of values in and below `level`, counted at every reference; at most `most`."""
    count = 0
    for _ in range(_DEEPEST + 1):
        deeper: list[Any] = []
        for value in level:
            if type(value) not in _PLAIN:
                raise Refused("it contains an object that is not data")
            if isinstance(value, list | tuple | dict):
                count += len(value)
                if count > most:
                    raise Refused("its containers refer to each other too often")
                deeper += value.values() if isinstance(value, dict) else value
        if not deeper:
            return count
        level = deeper
    raise Refused(f"its containers are nested deeper than {_DEEPEST} levels")


def _refused(problem: str, file: Path, remedy: str, record: int | None = None) -> InputError:
    return InputError(
        f"the file is not an array of records: {problem}",
        file=file,
        record=None if record is None else f"record {record}",
        remedy=remedy,
    )
