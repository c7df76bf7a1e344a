"""Every decision that was ever made, in SQLite: rows are added and never changed; a row that was acknowledged stays.

Write-ahead log and full synchronization: when `add` returns, the row is on the disk, whatever happens to the process,
the browser or (as far as the disk keeps its word) the machine afterwards (sqlite.org/pragma.html, "synchronous"). The
log is copied into the file after every row (`wal_autocheckpoint`), so that a damaged or lost log takes nothing along.

SQLite has no checksum of its own, so each row has one, and a database is checked whole when it is opened: a changed bit
is found, and nothing is read from a damaged database.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from time import sleep
from typing import Any, Literal, Self
from urllib.parse import quote

from nearmiss.base.errors import InputError

Verdict = Literal["accept", "refuse"]
Clock = Callable[[], datetime]

_APPLICATION = 0x6E6D6375  # "nmcu": marks the file as ours, so that no other program's database is written into
_SCHEMA = 1  # 0 had no checksums; a file of that version gets the column, and its old rows stay without one
_WAIT = 30.0  # seconds to wait for another annotator's server that is writing
_PAUSE = 0.1  # seconds before it is tried again where SQLite itself does not wait
_LOOKS = 10  # at an empty file
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
_ADD_CHECKSUMS = "ALTER TABLE decisions ADD COLUMN checksum TEXT"
_ROW = "token, annotator, item, decision, reason, caption, time"
_LAST = "number IN (SELECT max(number) FROM decisions GROUP BY annotator, item)"
_DAMAGED = (
    "restore a copy of the file, with its -wal file if there is one; without a copy, `sqlite3 FILE .recover` may save"
    " rows. What curate-export wrote earlier holds the accepted items, not the decisions"
)
_UNUSABLE = "give another file after --db, on a local disk that can be written to"


@dataclass(frozen=True)
class Decision:
    """What an annotator said of an item: a refusal has a `reason`, an acceptance a `caption` if it was corrected."""

    annotator: str
    item: str
    decision: Verdict
    reason: str | None = None
    caption: str | None = None


class TokenTaken(Exception):
    """A token came a second time, with another decision than the first time."""


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

        `digest` is the set's; `clock` gives the time that is written with each decision. Without `create` a database
        that cannot be written to is opened for reading. Raises InputError where the file is missing, damaged, no
        database of this kind, of a newer version, or belongs to another set: nothing is written into it then.
        """
        # absolute: SQLite takes some relative names, such as :memory:, for something that is no file
        self.file, self._clock, self._lock = Path(file).absolute(), clock, Lock()
        try:
            if not self.file.exists() and not create:
                raise InputError("the database of decisions is missing", file=file, remedy="give the one curated with")
            if self.file.exists() and not self.file.is_file():
                raise InputError("the database of decisions is no file", file=file, remedy=_UNUSABLE)
            if _stays_empty(self.file):
                raise InputError(
                    "the database of decisions is empty, which curate never leaves it",
                    file=file,
                    remedy="restore a copy of the file, or remove it to begin anew",
                )
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._open(digest, create=create)
        except (sqlite3.DatabaseError, OSError, ValueError) as error:
            problem, remedy = _diagnosis(error)
            raise InputError(f"the database of decisions {problem}: {error}", file=file, remedy=remedy) from None

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

        `token` names the act of deciding: what is sent twice, because an answer was lost, is one row. Raises
        TokenTaken where the token came with another decision before, and sqlite3.Error where the disk is full, the
        file cannot be written to, or anything else fails: the decision is then not in the database.
        """
        row = (token, decision.annotator, decision.item, decision.decision, decision.reason, decision.caption)
        time = self._clock().astimezone(UTC).isoformat(timespec="milliseconds")
        with self._lock, self._transaction() as run:
            known = run(f"SELECT {_ROW} FROM decisions WHERE token = ?", (token,)).fetchone()
            if known is not None:
                if known[:-1] != row:
                    raise TokenTaken(token)
                return
            number = run("SELECT coalesce(max(number), 0) + 1 FROM decisions").fetchone()[0]
            checksum = _checksum(number, *row, time)
            run(
                f"INSERT INTO decisions (number, {_ROW}, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (number, *row, time, checksum),
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
        with self._lock:
            rows = self._connection.execute(f"SELECT {_ROW} FROM decisions ORDER BY number").fetchall()
        return [(row[0], Decision(*row[1:6]), row[6]) for row in rows]

    def _open(self, digest: str, *, create: bool) -> None:
        """Connect and check; `self._connection` is closed again where the database is refused."""
        reading = not create and not _can_write(self.file)
        self._connection = _connection(self.file, reading=reading)
        run = self._connection.execute
        try:
            if reading:
                self._check(digest)
                return
            with self._transaction():
                if not run("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    self._make(digest)
                elif self._check(digest) == 0 and create:
                    run(_ADD_CHECKSUMS)
                    run(f"PRAGMA user_version = {_SCHEMA}")
            self._keep_log()
            run("PRAGMA synchronous = FULL")
            run("PRAGMA wal_autocheckpoint = 1")
        except BaseException:
            self._connection.close()
            raise

    def _keep_log(self) -> None:
        """Switch to a write-ahead log, for which SQLite does not wait while another server is opening the file."""
        for attempt in range(round(_WAIT / _PAUSE)):
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or attempt + 1 == round(_WAIT / _PAUSE):
                    raise
                sleep(_PAUSE)

    def _make(self, digest: str) -> None:
        run = self._connection.execute
        for statement in _statements(_TABLES):
            run(statement)
        run(_ADD_CHECKSUMS)
        run("INSERT INTO meta VALUES ('set', ?)", (digest,))
        run(f"PRAGMA application_id = {_APPLICATION}")
        run(f"PRAGMA user_version = {_SCHEMA}")

    def _check(self, digest: str) -> int:
        """The version of the database, which is ours, whole, and of this set; InputError or DatabaseError otherwise."""
        run = self._connection.execute
        if run("PRAGMA application_id").fetchone()[0] != _APPLICATION:
            raise InputError("this database holds no decisions", file=self.file, remedy="give another name after --db")
        version = int(run("PRAGMA user_version").fetchone()[0])
        if version > _SCHEMA or version < 0:
            raise InputError(
                f"the database of decisions has version {version}, and this nearmiss reads up to {_SCHEMA}",
                file=self.file,
                remedy="use the newer nearmiss that wrote it",
            )
        found = run("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(f"its structure is broken ({found.splitlines()[0]})")
        if version:
            for number, *row, checksum in run(f"SELECT number, {_ROW}, checksum FROM decisions"):
                if checksum is not None and checksum != _checksum(number, *row):
                    raise sqlite3.DatabaseError(f"decision {number} is not what was written")
        own = run("SELECT value FROM meta WHERE name = 'set'").fetchone()
        if own is None:
            raise sqlite3.DatabaseError("it does not say which set it is of")
        if own[0] != digest:
            raise InputError(
                f"the decisions in this database are on another set ({own[0][:12]}, not {digest[:12]})",
                file=self.file,
                remedy="give the set it was begun with, unchanged, or another name after --db",
            )
        return version

    @contextmanager
    def _transaction(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        """A transaction that writes, from its first moment on: two servers never wait for each other crosswise."""
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        try:
            yield run
            run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                run("ROLLBACK")
            raise


def _connection(file: Path, *, reading: bool) -> sqlite3.Connection:
    options: Any = {"timeout": _WAIT, "isolation_level": None, "check_same_thread": False}
    if not reading:
        return sqlite3.connect(file, **options)
    # without a log and where none can be made, SQLite reads a file only if it is told that nobody writes
    alone = "" if file.with_name(f"{file.name}-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"file:{quote(str(file))}?mode=ro{alone}", uri=True, **options)


def _stays_empty(file: Path) -> bool:
    """Whether there is an empty file that no other server is about to fill: one that is being made is empty shortly."""
    for _ in range(_LOOKS):
        if not file.is_file() or file.stat().st_size:
            return False
        sleep(_PAUSE)
    return True


def _can_write(file: Path) -> bool:
    return os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)


def _checksum(*row: Any) -> str:
    """Of a row with its number: SHA-256 of its JSON, 16 hexadecimal digits (our choice)."""
    return hashlib.sha256(json.dumps(row).encode()).hexdigest()[:16]


def _diagnosis(error: Exception) -> tuple[str, str]:
    """What the error says of the database, and the remedy: the file is at fault, or the disk and permissions are."""
    if not isinstance(error, UnicodeDecodeError | sqlite3.DatabaseError):
        return "cannot be opened", _UNUSABLE
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF  # our own errors, and of texts, have none
    if code == sqlite3.SQLITE_NOTADB:
        return "is damaged, or is no database", f"{_UNUSABLE}; if it was one, {_DAMAGED}"
    return ("is damaged", _DAMAGED) if code == sqlite3.SQLITE_CORRUPT else ("cannot be opened", _UNUSABLE)


def _statements(script: str) -> list[str]:
    """The statements of a script; sqlite3's own `executescript` would end the transaction first."""
    found, waiting = [], ""
    for line in script.strip().splitlines():
        waiting += line + "\n"
        if sqlite3.complete_statement(waiting):
            found.append(waiting)
            waiting = ""
    return found
