"""The store of all decisions: rows are only appended, never changed or deleted."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Literal, Self

from nearmiss.base.errors import InputError
from nearmiss.engine.curation.database import COLUMNS, checksum, is_full, open_database, transaction

Verdict = Literal["accept", "refuse"]
Clock = Callable[[], datetime]

_LONGEST_NAME = 60
_LAST = "number IN (SELECT max(number) FROM decisions GROUP BY annotator, item)"


@dataclass(frozen=True)
class Decision:
    """An annotator's decision on an item: a refusal has a `reason`, an acceptance a `caption` if it was corrected."""

    annotator: str
    item: str
    decision: Verdict
    reason: str | None = None
    caption: str | None = None


class TokenTaken(Exception):
    """A token was used again with a different decision."""


def utc_now() -> datetime:
    """The current time."""
    return datetime.now(UTC)


def annotator_name(name: str) -> str:
    """The name without surrounding space. Raises InputError if it is empty, too long or not printable."""
    name = " ".join(name.split())
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InputError(
            "this is not a valid name of an annotator",
            record=f"--annotator {name!r}",
            remedy=f"give 1 to {_LONGEST_NAME} printable characters",
        )
    return name


class Store:
    """The decisions on one set, by any number of annotators; safe for threads and for several processes."""

    def __init__(self, file: Path, digest: str, *, create: bool = True, clock: Clock = utc_now) -> None:
        """Open the database with `open_database`.

        `digest` is that of the set; `clock` returns the time that is stored with each decision.
        """
        self.file, self._clock, self._lock = Path(file), clock, Lock()
        self._connection = open_database(self.file, digest, create=create)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def add(self, decision: Decision, token: str) -> None:
        """Add a decision; returns after it is on disk.

        `token` identifies the decision: a decision that is sent twice, because a response was lost, is one row. Raises
        TokenTaken if the token was used with another decision, and sqlite3.Error if the disk is full, the file is not
        writable, or another operation fails: the decision is then not in the database.
        """
        row = (token, decision.annotator, decision.item, decision.decision, decision.reason, decision.caption)
        time = self._clock().astimezone(UTC).isoformat(timespec="milliseconds")
        with self._lock, transaction(self._connection) as run:
            known = run(f"SELECT {COLUMNS} FROM decisions WHERE token = ?", (token,)).fetchone()
            if known is not None:
                if known[:-1] != row:
                    raise TokenTaken(token)
                return
            number = run("SELECT coalesce(max(number), 0) + 1 FROM decisions").fetchone()[0]
            run(
                f"INSERT INTO decisions (number, {COLUMNS}, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (number, *row, time, checksum(number, *row, time)),
            )

    def last(self, annotator: str | None = None) -> list[Decision]:
        """The valid decisions, the last of each annotator and item, oldest first; of one annotator if given."""
        query = f"SELECT annotator, item, decision, reason, caption FROM decisions WHERE {_LAST}"
        given = () if annotator is None else (annotator,)
        query += "" if annotator is None else " AND annotator = ?"
        with self._lock:
            return [Decision(*row) for row in self._connection.execute(f"{query} ORDER BY number", given)]

    def history(self) -> list[tuple[str, Decision, str]]:
        """All rows, with token and time (ISO 8601, UTC), oldest first."""
        with self._lock:
            rows = self._connection.execute(f"SELECT {COLUMNS} FROM decisions ORDER BY number").fetchall()
        return [(row[0], Decision(*row[1:6]), row[6]) for row in rows]

    def is_full(self, error: sqlite3.Error) -> bool:
        """Whether the cause of an error is a full disk."""
        return is_full(error, self.file.absolute())
