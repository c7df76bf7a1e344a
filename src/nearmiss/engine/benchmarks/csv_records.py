"""Records of a CSV file with a header, parsed so that broken quotes or missing cells affect one record only.

Python's reader takes an opening quote that is never closed as the beginning of a text that runs to the end of the file.
Here a record that does not parse ends at its first line, and reading goes on with the next.
"""

import ast
import csv
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import pairwise
from pathlib import Path

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_text
from nearmiss.engine.benchmarks.fields import Record, Unreadable
from nearmiss.engine.formats.records import REMEDY

_BROKEN = "a record has broken quotes"
_RAGGED = "a record has more or fewer cells than the header"
_NEIGHBORS = re.compile(r"['\"]\s*['\"]")
_LAYOUT = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


def csv_records(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str] | Unreadable]]:
    """Number (from 0) and cells by column of each record; `Unreadable` where the cells cannot be separated.

    Raises InputError where the file is no UTF-8 text or its header lacks one of `columns` or has it twice.
    """
    lines = [f"{line}\n" for line in read_text(file).split("\n")]
    csv.field_size_limit(sys.maxsize)  # a caption may be as long as it is
    found = _parsed(lines)
    header = next(found, None)
    names = header if isinstance(header, list) else []
    missing = [column for column in columns if column not in names]
    if missing:
        raise InputError(f"the file lacks the columns {missing}", file=file, remedy=REMEDY)
    twice = [column for column in columns if names.count(column) > 1]
    if twice:
        raise InputError(f"the file has the columns {twice} twice", file=file, remedy=REMEDY)
    for number, cells in enumerate(found):
        if isinstance(cells, Unreadable):
            yield number, cells
        else:
            yield number, dict(zip(names, cells, strict=True)) if len(cells) == len(names) else Unreadable(_RAGGED)


def literal(record: Record, column: str) -> object:
    """The value of a cell that is a Python literal, as pandas writes lists.

    Raises InputError where it is none, and where texts stand next to each other without a comma, as NumPy prints an
    array: Python would join them into one.
    """
    cell = record.text(column).strip()
    try:
        found = ast.literal_eval(cell)
        joined = _NEIGHBORS.search(cell) is not None and _joined(cell)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, tokenize.TokenError):
        raise record.wrong(f"'{column}' is not a Python literal") from None
    if joined:
        raise record.wrong(f"'{column}' has texts without a comma between them")
    return found


def _joined(cell: str) -> bool:
    kinds = [token.type for token in tokenize.generate_tokens(StringIO(cell).readline) if token.type not in _LAYOUT]
    return any(one == other == tokenize.STRING for one, other in pairwise(kinds))


def _parsed(lines: Sequence[str]) -> Iterator[list[str] | Unreadable]:
    """The cells of each record that is not blank."""
    start = 0
    while start < len(lines):
        reader = csv.reader((lines[index] for index in range(start, len(lines))), strict=True)
        done = 0
        try:
            for cells in reader:
                done = reader.line_num
                if cells:
                    yield cells
            return
        except csv.Error:
            yield Unreadable(_BROKEN)
            start += done + 1
