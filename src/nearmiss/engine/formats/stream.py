"""A large JSON file read record by record; memory holds one record and a chunk of the file.

Text that is not UTF-8 is decoded to lone surrogates, so that only its record is set aside. A byte order mark
at the start is skipped; a file in UTF-16 or UTF-32 is refused by name.
"""

import json
from collections.abc import Container, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from nearmiss.base.errors import InputError

_PIECE = 1 << 20  # characters read at once
_UNSURE = 3  # characters that may continue a number
_BLANK = " \t\n\r"


def entries(path: Path, lists: Container[str] = ()) -> Iterator[tuple[str, Any]]:
    """(key, value) of a file that is one JSON object, in its order; for a key in `lists`, one pair per element.

    Duplicate keys are returned twice. An integer of more digits than Python converts (4,300) becomes a float. Raises
    `InputError` if the file is missing or malformed.
    """
    with _opened(Path(path)) as reader:
        yield from reader.entries(lists)


def elements(path: Path) -> Iterator[Any]:
    """The elements of a file that is one JSON list, in its order; raises `InputError` as `entries` does."""
    with _opened(Path(path)) as reader:
        yield from reader.elements()


@contextmanager
def _opened(path: Path) -> "Iterator[_Reader]":
    try:
        with path.open("rb") as content:
            encoding = json.detect_encoding(content.peek(4)[:4])
            if encoding not in ("utf-8", "utf-8-sig"):
                raise InputError(
                    f"the file is {encoding.upper()} text, not UTF-8", file=path, remedy="save it as UTF-8"
                )
            with TextIOWrapper(content, encoding="utf-8-sig", errors="surrogateescape") as handle:
                yield _Reader(handle, path)
    except FileNotFoundError:
        raise InputError("a file is missing", file=path, remedy="correct the path") from None
    except IsADirectoryError:
        raise InputError("a folder is not a JSON file", file=path, remedy="give the file") from None


class _Reader:
    def __init__(self, handle: IO[str], path: Path) -> None:
        self._handle, self._path = handle, path
        self._text, self._at, self._before, self._ended = "", 0, 0, False
        self._decode = json.JSONDecoder().raw_decode
        self._decode_long = json.JSONDecoder(parse_int=_number).raw_decode

    def entries(self, lists: Container[str]) -> Iterator[tuple[str, Any]]:
        self._expect("{")
        if self._next() == "}":
            return
        while True:
            key = self._value()
            if not isinstance(key, str):
                raise self._malformed("a key is not a string")
            self._expect(":")
            if key in lists and self._next() == "[":
                yield from ((key, value) for value in self.elements())
            else:
                yield key, self._value()
            if self._next() == "}":
                return
            self._expect(",")
            self._next()

    def elements(self) -> Iterator[Any]:
        self._expect("[")
        if self._next() == "]":
            self._at += 1
            return
        while True:
            yield self._value()
            if self._next() == "]":
                self._at += 1
                return
            self._expect(",")

    def _value(self) -> Any:
        """The next value; one that ends near the end of the buffer may continue: "1" and then ".5", or "e-3"."""
        self._next()
        while True:
            try:
                value, end = self._decoded()
            except json.JSONDecodeError as error:
                if not self._more():
                    raise self._malformed(error.msg, error.pos) from None
                continue
            except RecursionError:
                raise self._malformed("a record is nested too deeply") from None
            if len(self._text) - end < _UNSURE and self._more():
                continue
            self._at = end
            return value

    def _decoded(self) -> tuple[Any, int]:
        try:
            return self._decode(self._text, self._at)
        except json.JSONDecodeError:
            raise
        except ValueError:  # an integer of too many digits
            return self._decode_long(self._text, self._at)

    def _next(self) -> str:
        """The next character that is not blank, "" at the end; the buffer before it is dropped."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANK:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _expect(self, character: str) -> None:
        if self._next() != character:
            raise self._malformed(f"'{character}' is missing")
        self._at += 1

    def _more(self) -> bool:
        """Read a chunk, drop the used part. Chunks double with a record's length, so that the time is linear."""
        if self._ended:
            return False
        piece = self._handle.read(max(_PIECE, len(self._text) - self._at))
        if not piece:
            self._ended = True
            return False
        self._before += self._at
        self._text, self._at = self._text[self._at :] + piece, 0
        return True

    def _malformed(self, problem: str, at: int | None = None) -> InputError:
        return InputError(
            f"malformed JSON: {problem}",
            file=self._path,
            record=f"character {self._before + (self._at if at is None else at)}",
            remedy="restore the file from its source",
        )


def _number(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        return float(digits)
