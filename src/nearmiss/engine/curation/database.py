"""The SQLite file of decisions: creation, opening, verification, and migration to the current version.

Write-ahead log and full synchronization: a committed transaction is on disk, whatever happens afterwards to the
process, the browser or (if the disk flushes reliably) the machine (sqlite.org/pragma.html, "synchronous"). The log is
copied into the file after every transaction (`wal_autocheckpoint`), so that a damaged or lost log does not affect
decisions.

SQLite does not store checksums, so each row has one, and the whole database is verified when it is opened: a changed
bit is detected, and nothing is read from a damaged database.
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
"""Columns of a decision besides its number and its checksum."""
_APPLICATION = 0x6E6D6375  # "nmcu": identifies the file, so that no other program's database is written
_SCHEMA = 1  # version 0 had no checksums; the column is added to such a file, and its old rows have none
_WAIT = 30.0  # seconds to wait for another annotator's server that is writing
_PAUSE = 0.1  # seconds between attempts if SQLite does not wait
_LOOKS = 10  # attempts to read an empty file
_ROOM = 64 * 1024  # bytes: with less space the disk counts as full
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
    " rows. An earlier `curate export` contains the accepted items, not the decisions"
)
_UNUSABLE = "give another file with --db, on a writable local disk"


def open_database(file: Path, digest: str, *, create: bool) -> sqlite3.Connection:
    """The database of the set with this digest; created if it is missing and `create` is true.

    Without `create`, a database that is not writable is opened for reading. Raises InputError, and writes nothing, if
    the file is missing, empty, damaged, not a database of decisions, of a newer version, or belongs to another set.
    """
    # absolute: some relative names, such as :memory:, are not files for SQLite
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
            path.unlink()  # otherwise the next start would find a truncated file
        problem, remedy = _diagnosis(error, path)
        raise InputError(f"the database of decisions {problem}: {error}", file=file, remedy=remedy) from None
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[Callable[..., sqlite3.Cursor]]:
    """A transaction with an immediate write lock, so that two servers cannot deadlock."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection.execute
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def checksum(*row: Any) -> str:
    """Checksum of a row, its number first: SHA-256 of its JSON, 16 hexadecimal digits (our choice)."""
    return hashlib.sha256(json.dumps(row).encode()).hexdigest()[:16]


def is_full(error: Exception, file: Path) -> bool:
    """Whether the cause of an error is a full disk, which SQLite may report as an I/O error."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None or code & 0xFF not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return code == sqlite3.SQLITE_FULL
    try:
        return disk_usage(file.parent).free < _ROOM
    except OSError:
        return False


def _check_file(path: Path, file: Path, *, create: bool) -> None:
    if not path.exists() and not create:
        raise InputError(
            "the database of decisions is missing", file=file, remedy="give the database that was used for curation"
        )
    if path.exists() and not path.is_file():
        raise InputError("the database of decisions is not a file", file=file, remedy=_UNUSABLE)
    # a file that another server is creating is briefly empty
    for _ in range(_LOOKS):
        if not path.is_file() or path.stat().st_size:
            return
        sleep(_PAUSE)
    raise InputError(
        "the database of decisions is empty: it was truncated, or its creation was interrupted",
        file=file,
        remedy="restore a copy of the file, or remove it to start from the beginning",
    )


def _connect(file: Path, *, reading: bool) -> sqlite3.Connection:
    options: Any = {"timeout": _WAIT, "isolation_level": None, "check_same_thread": False}
    if not reading:
        return sqlite3.connect(file, **options)
    # if no log exists and none can be created, SQLite reads a file only as immutable
    suffix = "" if file.with_name(f"{file.name}-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"file:{quote(str(file))}?mode=ro{suffix}", uri=True, **options)


def _make_or_check(connection: sqlite3.Connection, digest: str, file: Path, *, create: bool) -> None:
    """In one transaction, because two servers may start at the same time."""
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
    """The version of a valid database of this set. Raises InputError or sqlite3.DatabaseError otherwise."""
    run = connection.execute
    if run("PRAGMA application_id").fetchone()[0] != _APPLICATION:
        raise InputError("this database is not one of decisions", file=file, remedy="give another file with --db")
    version = int(run("PRAGMA user_version").fetchone()[0])
    if version > _SCHEMA or version < 0:
        raise InputError(
            f"the database of decisions has version {version}, but this version of nearmiss supports up to {_SCHEMA}",
            file=file,
            remedy="use the newer version of nearmiss that wrote it",
        )
    found = run("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(f"its structure is broken ({found.splitlines()[0]})")
    if version:
        for number, *row, stored in run(f"SELECT number, {COLUMNS}, checksum FROM decisions"):
            if stored is not None and stored != checksum(number, *row):
                raise sqlite3.DatabaseError(f"decision {number} does not match its checksum")
    own = run("SELECT value FROM meta WHERE name = 'set'").fetchone()
    if own is None:
        raise sqlite3.DatabaseError("it does not identify its set")
    if own[0] != digest:
        raise InputError(
            f"the decisions in this database belong to another set ({own[0][:12]}, not {digest[:12]})",
            file=file,
            remedy="give the original, unchanged set, or another file with --db",
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
    """The problem of the database and its remedy: the file is damaged, or the disk or permissions prevent access."""
    if is_full(error, file):
        return "cannot be opened, the disk is full", "free space, or give another file with --db"
    if not isinstance(error, UnicodeDecodeError | sqlite3.DatabaseError):
        return "cannot be opened", _UNUSABLE
    code = (
        getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    )  # our own errors and errors of text decoding have none
    if code == sqlite3.SQLITE_NOTADB:
        return "is damaged, or is not a database", f"{_UNUSABLE}; if it was one, {_DAMAGED}"
    return ("is damaged", _DAMAGED) if code == sqlite3.SQLITE_CORRUPT else ("cannot be opened", _UNUSABLE)


def _statements(script: str) -> list[str]:
    """The statements of a script; `executescript` of sqlite3 would commit the transaction first."""
    found, waiting = [], ""
    for line in script.strip().splitlines():
        waiting += line + "\n"
        if sqlite3.complete_statement(waiting):
            found.append(waiting)
            waiting = ""
    return found
