"""Checks of a sqlite file before use: other processes, integrity, and messages for sqlite's errors."""

import os
import sqlite3
import sys
from pathlib import Path
from urllib.parse import quote

from nearmiss.base.errors import InputError

PATIENCE = 60.0
"""Seconds that `check` waits for another process to release the file (our choice)."""

# Words of sqlite's own messages, what they mean, and what to do.
_REASONS = (
    ("database is locked", "another process holds the database", "close that program or wait for it, then try again"),
    ("readonly database", "the database cannot be written", "correct the rights of the file and of its folder"),
    ("disk is full", "the disk is full", "make room, then try again"),
    ("unable to open", "the database cannot be opened", "correct the path and the rights of its folder"),
    ("disk i/o error", "the disk reports an error", "check the disk and its free space, then try again"),
    ("locking protocol", "the file system cannot lock files", "put the file on a local disk"),
)
_DAMAGED = ("not a database", "malformed", "corrupt")


def check(file: Path, *, remedy: str, patience: float | None = None) -> list[str]:
    """Make sure that a sqlite file can be written and is whole; returns the names of its tables, sorted.

    A missing file is made, empty. Where another process holds the file, waits up to `patience` seconds. Raises
    `InputError` where it stays held, cannot be opened or written, or is damaged; `remedy` says what to do about damage.
    """
    patience = PATIENCE if patience is None else patience
    if file.exists() and not file.is_file():
        raise InputError("the database is not a regular file", file=file, remedy="name a file")
    try:
        database = sqlite3.connect(f"file:{quote(str(file.resolve()))}?mode=rwc", uri=True, timeout=0)
    except sqlite3.Error as error:
        raise refusal(error, file, remedy) from None
    try:
        _wait(database, file, patience)
        problem = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        database.rollback()
    except sqlite3.Error as error:
        raise refusal(error, file, remedy) from None
    finally:
        database.close()
    if problem != "ok":
        raise InputError(f"the database is damaged: {problem}", file=file, remedy=remedy)
    return [name for (name,) in tables]


def refusal(error: BaseException, file: Path, remedy: str) -> InputError:
    """What an error of sqlite means, whatever library it came through; `remedy` is the one of a damaged file."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    text = next((line for line in lines if "(sqlite3." in line), lines[0])  # SQLAlchemy may put advice before it
    words = text.lower()
    if any(sign in words for sign in _DAMAGED):
        return InputError(f"the database is damaged or of another kind ({text})", file=file, remedy=remedy)
    for sign, problem, what in _REASONS:
        if sign in words:
            held = holders(file) if "locked" in sign else []
            by = f" (held by {', '.join(held)})" if held else ""
            return InputError(f"{problem}: {text}{by}", file=file, remedy=what)
    return InputError(f"the database cannot be used: {text}", file=file, remedy="see what the message says, try again")


def holders(file: Path) -> list[str]:
    """Other processes that have the file open, as `process 123 (name)`; only those that this user may see, on Linux."""
    target, found = file.resolve(), []
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            descriptors = [descriptor.readlink() for descriptor in (entry / "fd").iterdir()]
            name = (entry / "comm").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue
        if target in descriptors and int(entry.name) != os.getpid():
            found.append(f"process {entry.name} ({name})")
    return found


def _wait(database: sqlite3.Connection, file: Path, patience: float) -> None:
    """Take the lock of a writer, which `rollback` gives back."""
    try:
        database.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        by = f" ({', '.join(found)})" if (found := holders(file)) else ""
        print(f"waiting up to {patience:.0f} s: another process holds {file}{by}", file=sys.stderr)
        database.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")
        database.execute("BEGIN IMMEDIATE")
