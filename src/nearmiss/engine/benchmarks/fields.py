"""Typed access to the records of published files, and what is left out of them.

A field has the published type, or the record is left out with a reason. Nothing is guessed: a string where a list of
strings is required is never split into letters. A record that is left out is reported with its file and
name, and makes the result incomplete (stages/evaluate).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.engine.formats.records import REMEDY

_FLOAT_ID = re.compile(r"(-?\d+)\.0+")


@dataclass(frozen=True)
class LeftOut:
    """A record that could not be read: its file (below the data root), its name in it, and why."""

    file: str
    record: str
    reason: str


@dataclass(frozen=True)
class Record:
    """One record of a published file. Every method raises InputError where a field is not of its kind."""

    value: Any
    file: Path
    name: str

    def wrong(self, problem: str) -> InputError:
        """An error that names this record. `problem` holds no foreign text, so that equal problems can be counted."""
        return InputError(problem, file=self.file, record=self.name, remedy=REMEDY)

    def of(self, key: str | int) -> Any:
        """A field of an object by name, or an entry of a list by number, of any kind."""
        if isinstance(self.value, Unreadable):
            raise self.wrong(self.value.reason)
        if isinstance(key, int):
            if not isinstance(self.value, list):
                raise self.wrong(f"a record is {kind_of(self.value)}, not a list")
            if key >= len(self.value):
                raise self.wrong(f"a record has no entry {key}")
            return self.value[key]
        if not isinstance(self.value, Mapping):
            raise self.wrong(f"a record is {kind_of(self.value)}, not an object")
        if key not in self.value:
            raise self.wrong(f"a record lacks '{key}'")
        if key in getattr(self.value, "doubled", ()):
            raise self.wrong(f"a record has '{key}' twice")
        return self.value[key]

    def has(self, key: str) -> bool:
        """Whether a record that is an object has a field."""
        return isinstance(self.value, Mapping) and key in self.value

    def inner(self, key: str | int) -> "Record":
        """A field that is a record itself."""
        return Record(self.of(key), self.file, self.name)

    def text(self, key: str | int) -> str:
        """A text with more than blanks in it."""
        return self._text(self.of(key), f"'{key}'")

    def texts(self, key: str | int, *, least: int = 1) -> list[str]:
        """A list of at least `least` texts. A text is no list of texts."""
        return self.as_texts(self.of(key), f"'{key}'", least=least)

    def as_texts(self, value: Any, key: str, *, least: int = 1) -> list[str]:
        """`value` as `texts` reads a field; `key` is what a message calls it."""
        if not isinstance(value, list | tuple):
            raise self.wrong(f"{key} is {kind_of(value)}, not a list of texts")
        if len(value) < least:
            raise self.wrong(f"{key} has fewer than {least} texts")
        return [self._text(each, f"{key}, entry {index}") for index, each in enumerate(value)]

    def entries(self, key: str | int) -> list[Any]:
        """A list of anything."""
        value = self.of(key)
        if not isinstance(value, list):
            raise self.wrong(f"'{key}' is {kind_of(value)}, not a list")
        return value

    def whole(self, key: str | int) -> int:
        """A whole number; 1.0 is one, as pandas writes the whole numbers of a column with gaps."""
        value = self.number(key)
        if not value.is_integer():
            raise self.wrong(f"'{key}' is not a whole number")
        return int(self.of(key))

    def number(self, key: str | int) -> float:
        """A finite number."""
        value = self.of(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.wrong(f"'{key}' is {kind_of(value)}, not a number")
        try:
            found = float(value)
        except OverflowError:
            found = float("inf")
        if not isfinite(found):
            raise self.wrong(f"'{key}' is not a finite number")
        return found

    def identifier(self, key: str | int) -> str:
        """An id: a text or a whole number as text, without the ".0" that pandas puts behind whole numbers."""
        value = self.of(key)
        if isinstance(value, str):
            found = self._text(value, f"'{key}'").strip()
            match = _FLOAT_ID.fullmatch(found)
            return match[1] if match else found
        return str(self.whole(key))

    def box(self, keys: Sequence[str | int]) -> list[float]:
        """Four numbers x, y, w, h in pixels."""
        return [self.number(key) for key in keys]

    def _text(self, value: Any, key: str) -> str:
        if not isinstance(value, str):
            raise self.wrong(f"{key} is {kind_of(value)}, not a text")
        if not value.strip():
            raise self.wrong(f"{key} is an empty text")
        return value


@dataclass
class Reading:
    """What was left out while records were read, in the order of the files."""

    records: list[LeftOut] = field(default_factory=list)
    first: InputError | None = None
    """The error of the first record that was left out."""
    now: tuple[Path, str] | None = None
    """File and name of the record that is being read."""

    @contextmanager
    def record(self, value: Any, file: Path, name: str, label: str) -> Iterator[Record]:
        """Read one record in the block; where that raises, the record is left out. `label` names its file."""
        self.now = (file, name)
        try:
            yield Record(value, file, name)
        except InputError as error:
            self.leave_out(error, label, name)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError) as error:
            problem = f"a record is not what the authors publish ({type(error).__name__})"
            self.leave_out(Record(value, file, name).wrong(problem), label, name)
        finally:
            self.now = None

    def leave_out(self, error: InputError, label: str, name: str) -> None:
        """Note a record that cannot be used."""
        self.first = error if self.first is None else self.first
        self.records.append(LeftOut(label, name, error.problem))


@dataclass(frozen=True)
class Unreadable:
    """A placeholder for a record that cannot be separated from the rest of its file, with the reason."""

    reason: str


class Doubled(dict):
    """A JSON object in which some names stand twice: which of their values is meant cannot be known."""

    doubled: frozenset[str] = frozenset()


def read_document(file: Path) -> Any:
    """A JSON file in which objects with a name that occurs twice are marked (`Doubled`); see `base.files.read_json`."""
    return read_json(file, pairs=_marked)


def kind_of(value: Any) -> str:
    """What a value of JSON is, in words."""
    kinds: list[tuple[Any, str]] = [
        (bool, "true or false"),
        (int | float, "a number"),
        (str, "a text"),
        (list | tuple, "a list"),
        (dict, "an object"),
    ]
    return "null" if value is None else next((word for kind, word in kinds if isinstance(value, kind)), "another value")


def _marked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    marked = Doubled(found)
    marked.doubled = frozenset(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
    return marked
