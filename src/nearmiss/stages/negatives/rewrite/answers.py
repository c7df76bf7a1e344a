"""Answers on disk, so that no request is made twice: neither by a run that was interrupted nor by one that is repeated.

A request is known by a hash of all that determines its answer: model, messages, seed and sampling options. Every answer
is written when it arrives, with its model and seed.
"""

import hashlib
import json
import sqlite3
from pathlib import Path
from threading import Lock
from typing import Any, Self

from nearmiss.base.sqlite_file import check

_FILE = "answers.sqlite"
_REMEDY = "delete it; its requests are then made again"


def request_key(request: dict[str, Any]) -> str:
    """The identity of a request, whatever the order of its fields."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


class Answers:
    """The answers that a folder keeps. A context manager; threads may share it.

    Raises `InputError` where the file cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / _FILE
        self._lock = Lock()

    def __enter__(self) -> Self:
        check(self._file, remedy=_REMEDY)
        self._database = sqlite3.connect(self._file, timeout=60, check_same_thread=False)
        with self._database:
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, model TEXT, seed INTEGER, answer TEXT)"
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def get(self, request: dict[str, Any]) -> str | None:
        """The answer to a request, if it was made before."""
        with self._lock:
            row = self._database.execute("SELECT answer FROM answers WHERE key = ?", (request_key(request),)).fetchone()
        return None if row is None else str(row[0])

    def keep(self, request: dict[str, Any], answer: str) -> None:
        """Write an answer; it is on the disk afterwards."""
        row = request_key(request), request["model"], request["seed"], answer
        with self._lock, self._database:
            self._database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", row)
