"""Every decision that was ever made, in SQLite: rows are added and never changed; a row that was acknowledged stays.

Write-ahead log and full synchronisation: when `add` returns, the row is on the disk, whatever happens to the process,
the browser or (as far as the disk keeps its word) the machine afterwards (sqlite.org/pragma.html, "synchronous").
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Literal, Self

from nearmiss.base.errors import InputError

Verdict = Literal["accept", "refuse"]
Clock = Callable[[], datetime]

_APPLICATION = 0x6E6D6375  # "nmcu": marks the file as ours, so that no other program's database is written into
_WAIT = 30.0  # seconds to wait for another annotator's server that is writing
_LONGEST_NAME = 60
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE decisions (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  token TEXT NOT NULL UNIQUE,
  annotator TEXT NOT NULL,
  item TEXT NOT NULL,
  decision TEXT NOT NULL CHECK (decision IN ('accept', 'refuse')),
  reason TEXT CHECK ((reason IS NOT NULL) = (decision = 'refuse')),
  caption TEXT CHECK (caption IS NULL OR decision = 'accept'),
  time TEXT NOT NULL
) STRICT;
CREATE INDEX of_annotator ON decisions (annotator, item, number);
CREATE TRIGGER decisions_stay BEFORE UPDATE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions are only added'); END;
CREATE TRIGGER decisions_last BEFORE DELETE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions are only added'); END;
"""
_LAST = "number IN (SELECT max(number) FROM decisions GROUP BY annotator, item)"


@dataclass(frozen=True)
class Decision:
    """What an annotator said of an item: a refusal has a `reason`, an acceptance a `caption` if it was corrected."""

    annotator: str
    item: str
    decision: Verdict
    reason: str | None = None
    caption: str | None = None


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


def annotator_name(name: str) -> str:
    """The name without surrounding space. Raises InputError where it is empty, too long or not printable."""
    name = " ".join(name.split())
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InputError(
            "this is no name of an annotator",
            record=f"--annotator {name!r}",
            remedy=f"give 1 to {_LONGEST_NAME} printable characters",
        )
    return name


class Store:
    """The decisions on one set, by any number of annotators; safe for threads and for several processes."""

    def __init__(self, file: Path, digest: str, *, create: bool = True, clock: Clock = utc_now) -> None:
        """Open the database, or make it where it is missing and `create` holds.

        `digest` is the set's; `clock` gives the time that is written with each decision. Raises InputError where the
        file is missing, is no database of this kind, or belongs to another set: nothing is written into it then.
        """
        self.file, self._clock, self._lock = Path(file), clock, Lock()
        fresh = not self.file.is_file() or self.file.stat().st_size == 0
        if fresh and not create:
            raise InputError("the database of decisions is missing", file=file, remedy="give the one curated with")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.file, timeout=_WAIT, isolation_level=None, check_same_thread=False)
            self._check_or_make(digest)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
        except (sqlite3.DatabaseError, OSError) as error:
            raise InputError(f"the database of decisions cannot be opened: {error}", file=file) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file free."""
        with self._lock:
            self._connection.close()

    def add(self, decision: Decision, token: str) -> None:
        """Add a decision; returns when it is on the disk.

        `token` names the act of deciding: what is sent twice, because an answer was lost, is one row.
        """
        row = (token, decision.annotator, decision.item, decision.decision, decision.reason, decision.caption)
        time = self._clock().astimezone(UTC).isoformat(timespec="milliseconds")
        with self._lock:
            self._connection.execute(
                "INSERT INTO decisions (token, annotator, item, decision, reason, caption, time)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (token) DO NOTHING",
                (*row, time),
            )

    def last(self, annotator: str | None = None) -> list[Decision]:
        """The decisions that count, the last of each annotator and item, oldest first; of one annotator if named."""
        query = f"SELECT annotator, item, decision, reason, caption FROM decisions WHERE {_LAST}"
        given = () if annotator is None else (annotator,)
        query += "" if annotator is None else " AND annotator = ?"
        with self._lock:
            return [Decision(*row) for row in self._connection.execute(f"{query} ORDER BY number", given)]

    def history(self) -> list[tuple[str, Decision, str]]:
        """Every row ever added, with its token and its time (ISO 8601, UTC), oldest first."""
        query = "SELECT token, annotator, item, decision, reason, caption, time FROM decisions ORDER BY number"
        with self._lock:
            return [(row[0], Decision(*row[1:6]), row[6]) for row in self._connection.execute(query)]

    def _check_or_make(self, digest: str) -> None:
        """Make the tables in an empty file; else compare whose they are. One transaction: two servers may start."""
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        try:
            if not run("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in _statements(_TABLES):
                    run(statement)
                run("INSERT INTO meta VALUES ('set', ?)", (digest,))
                run(f"PRAGMA application_id = {_APPLICATION}")
            elif run("PRAGMA application_id").fetchone()[0] != _APPLICATION:
                raise InputError(
                    "this database holds no decisions", file=self.file, remedy="give another name after --db"
                )
            elif (own := run("SELECT value FROM meta WHERE name = 'set'").fetchone()[0]) != digest:
                raise InputError(
                    f"the decisions in this database are on another set ({own[:12]}, not {digest[:12]})",
                    file=self.file,
                    remedy="give the set it was begun with, unchanged, or another name after --db",
                )
            run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                run("ROLLBACK")
            self._connection.close()
            raise


def _statements(script: str) -> list[str]:
    """The statements of a script; sqlite3's own `executescript` would end the transaction first."""
    found, waiting = [], ""
    for line in script.strip().splitlines():
        waiting += line + "\n"
        if sqlite3.complete_statement(waiting):
            found.append(waiting)
            waiting = ""
    return found
