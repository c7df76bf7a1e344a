"""The SQLite file that decisions lie in: made, opened, checked whole, and brought to the present version.

Write-ahead log and full synchronization: a transaction that has ended is on the disk, whatever happens to the process,
the browser or (as far as the disk keeps its word) the machine afterwards (sqlite.org/pragma.html, "synchronous"). The
log is copied into the file after every transaction (`wal_autocheckpoint`), so that a damaged or lost log takes nothing
along.

SQLite has no checksum of its own, so each row has one, and a database is checked whole when it is opened: a changed bit
is found, and nothing is read from a damaged database.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from time import sleep
from typing import Any
from urllib.parse import quote

from nearmiss.base.errors import InputError

COLUMNS = "token, annotator, item, decision, reason, caption, time"
"""Of a decision, next to its number and its checksum."""
_APPLICATION = 0x6E6D6375  # "nmcu": marks the file as ours, so that no other program's database is written into
_SCHEMA = 1  # 0 had no checksums; a file of that version gets the column, and its old rows stay without one
_WAIT = 30.0  # seconds to wait for another annotator's server that is writing
_PAUSE = 0.1  # seconds before it is tried again where SQLite itself does not wait
_LOOKS = 10  # at an empty file
_ROOM = 64 * 1024  # bytes: with fewer the disk is full
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
_DAMAGED = (
    "restore a copy of the file, with its -wal file if there is one; without a copy, `sqlite3 FILE .recover` may save"
    " rows. What `curate export` wrote earlier holds the accepted items, not the decisions"
)
_UNUSABLE = "give another file after --db, on a local disk that can be written to"


def open_database(file: Path, digest: str, *, create: bool) -> sqlite3.Connection:
    """The database of the set with this digest; made where it is missing and `create` holds.

    Without `create` a database that cannot be written to is opened for reading. Raises InputError where the file is
    missing, empty, damaged, no database of this kind, of a newer version, or belongs to another set: nothing is written
    into it then.
    """
    # absolute: SQLite takes some relative names, such as :memory:, for something that is no file
    path = file.absolute()
    try:
        _check_file(path, file, create=create)
        path.parent.mkdir(parents=True, exist_ok=True)
        reading = not create and not _can_write(path)
        connection = _connect(path, reading=reading)
        try:
            if reading:
                _check(connection, digest, file)
            else:
                _make_or_check(connection, digest, file, create=create)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.DatabaseError, OSError, ValueError) as error:
        if is_full(error, path) and path.is_file() and not path.stat().st_size:
            path.unlink()  # else the next start would take it for one that was cut short
        problem, remedy = _diagnosis(error, path)
        raise InputError(f"the database of decisions {problem}: {error}", file=file, remedy=remedy) from None
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[Callable[..., sqlite3.Cursor]]:
    """A transaction that writes, from its first moment on: two servers never wait for each other crosswise."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection.execute
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def checksum(*row: Any) -> str:
    """Of a row with its number first: SHA-256 of its JSON, 16 hexadecimal digits (our choice)."""
    return hashlib.sha256(json.dumps(row).encode()).hexdigest()[:16]


def is_full(error: Exception, file: Path) -> bool:
    """Whether the error comes of a full disk, which SQLite may call an error of input and output."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None or code & 0xFF not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return code == sqlite3.SQLITE_FULL
    try:
        return disk_usage(file.parent).free < _ROOM
    except OSError:
        return False


def _check_file(path: Path, file: Path, *, create: bool) -> None:
    if not path.exists() and not create:
        raise InputError("the database of decisions is missing", file=file, remedy="give the one curated with")
    if path.exists() and not path.is_file():
        raise InputError("the database of decisions is no file", file=file, remedy=_UNUSABLE)
    # one that another server is making is empty for a moment
    for _ in range(_LOOKS):
        if not path.is_file() or path.stat().st_size:
            return
        sleep(_PAUSE)
    raise InputError(
        "the database of decisions is empty: it was cut short, or ended while it was made",
        file=file,
        remedy="restore a copy of the file, or remove it to begin anew",
    )


def _connect(file: Path, *, reading: bool) -> sqlite3.Connection:
    options: Any = {"timeout": _WAIT, "isolation_level": None, "check_same_thread": False}
    if not reading:
        return sqlite3.connect(file, **options)
    # without a log and where none can be made, SQLite reads a file only if it is told that nobody writes
    suffix = "" if file.with_name(f"{file.name}-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"file:{quote(str(file))}?mode=ro{suffix}", uri=True, **options)


def _make_or_check(connection: sqlite3.Connection, digest: str, file: Path, *, create: bool) -> None:
    """In one transaction, for two servers may start at the same time."""
    with transaction(connection) as run:
        if not run("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in _statements(_TABLES):
                run(statement)
            run(_ADD_CHECKSUMS)
            run("INSERT INTO meta VALUES ('set', ?)", (digest,))
            run(f"PRAGMA application_id = {_APPLICATION}")
            run(f"PRAGMA user_version = {_SCHEMA}")
        elif _check(connection, digest, file) == 0 and create:
            run(_ADD_CHECKSUMS)
            run(f"PRAGMA user_version = {_SCHEMA}")
    _keep_log(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 1")


def _check(connection: sqlite3.Connection, digest: str, file: Path) -> int:
    """The version of a database that is ours, whole, and of this set; else InputError or sqlite3.DatabaseError."""
    run = connection.execute
    if run("PRAGMA application_id").fetchone()[0] != _APPLICATION:
        raise InputError("this database holds no decisions", file=file, remedy="give another name after --db")
    version = int(run("PRAGMA user_version").fetchone()[0])
    if version > _SCHEMA or version < 0:
        raise InputError(
            f"the database of decisions has version {version}, and this nearmiss reads up to {_SCHEMA}",
            file=file,
            remedy="use the newer nearmiss that wrote it",
        )
    found = run("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(f"its structure is broken ({found.splitlines()[0]})")
    if version:
        for number, *row, noted in run(f"SELECT number, {COLUMNS}, checksum FROM decisions"):
            if noted is not None and noted != checksum(number, *row):
                raise sqlite3.DatabaseError(f"decision {number} is not what was written")
    own = run("SELECT value FROM meta WHERE name = 'set'").fetchone()
    if own is None:
        raise sqlite3.DatabaseError("it does not say which set it is of")
    if own[0] != digest:
        raise InputError(
            f"the decisions in this database are on another set ({own[0][:12]}, not {digest[:12]})",
            file=file,
            remedy="give the set it was begun with, unchanged, or another name after --db",
        )
    return version


def _keep_log(connection: sqlite3.Connection) -> None:
    """Switch to a write-ahead log, for which SQLite does not wait while another server is opening the file."""
    for attempt in range(round(_WAIT / _PAUSE)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or attempt + 1 == round(_WAIT / _PAUSE):
                raise
            sleep(_PAUSE)


def _can_write(file: Path) -> bool:
    return os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)


def _diagnosis(error: Exception, file: Path) -> tuple[str, str]:
    """What the error says of the database, and the remedy: the file is at fault, or the disk and permissions are."""
    if is_full(error, file):
        return "cannot be opened, the disk is full", "make room, or give another file after --db"
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
