"""A database that cannot be used: each reason has a message and a remedy of its own, and nothing is changed."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from nearmiss.base import sqlite_file
from nearmiss.base.errors import InputError

REMEDY = "move it away"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a?b #1 %20" / "store.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE runs (name TEXT)")
        database.executemany("INSERT INTO runs VALUES (?)", [(f"run {number}" * 50,) for number in range(500)])
        database.commit()
    return path


def refusal(file):
    with pytest.raises(InputError) as caught:
        sqlite_file.check(file, remedy=REMEDY, patience=0.01)
    assert caught.value.file == file
    return caught.value


def test_a_valid_file_is_not_changed(file):
    before = file.read_bytes()
    assert sqlite_file.check(file, remedy=REMEDY) == ["runs"]
    assert file.read_bytes() == before
    assert [one.name for one in file.parent.iterdir()] == ["store.db"]


def test_a_missing_file_is_an_empty_database(tmp_path):
    assert sqlite_file.check(tmp_path / "new.db", remedy=REMEDY) == []


@pytest.mark.parametrize("mode", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_locked_file_is_not_to_be_deleted(file, mode, capsys):
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute(f"BEGIN {mode}")
        found = refusal(file)
    assert "another process holds the database" in found.problem
    assert "close that program or wait" in found.remedy
    assert "waiting up to" in capsys.readouterr().err


def test_a_file_that_is_released_in_time_is_used(file, monkeypatch):
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    # The list of holders is read when the first try has failed.
    monkeypatch.setattr(sqlite_file, "holders", lambda path: holder.close() or [])
    assert sqlite_file.check(file, remedy=REMEDY) == ["runs"]


def test_damage_is_reported_with_the_remedy_of_the_caller(file):
    content = file.read_bytes()
    for damaged in (b"somebody's notes, no database at all" * 30, content[:5000], content[:4096] + bytes(len(content))):
        file.write_bytes(damaged)
        assert refusal(file).remedy == REMEDY
        assert file.read_bytes() == damaged


def test_a_folder_in_place_of_the_file(file):
    file.unlink()
    file.mkdir()
    assert "not a regular file" in refusal(file).problem
    shutil.rmtree(file.parent)
    assert "cannot be opened" in refusal(file).problem


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("(sqlite3.OperationalError) database is locked\n[SQL: ...]", "another process holds", "close that program"),
        ("attempt to write a readonly database", "cannot be written", "rights"),
        ("database or disk is full", "the disk is full", "make room"),
        ("disk I/O error", "the disk reports an error", "check the disk"),
        ("locking protocol", "cannot lock files", "local disk"),
        ("database disk image is malformed", "damaged", REMEDY),
        ("something new", "something new", "try again"),
    ],
)
def test_each_reason_has_its_own_remedy(tmp_path, text, problem, remedy):
    found = sqlite_file.refusal(sqlite3.OperationalError(text), tmp_path / "store.db", REMEDY)
    assert problem in found.problem and remedy in found.remedy
    assert "SQL" not in found.problem


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="processes' open files are seen on Linux")
def test_locks_of_this_process_are_ignored(file):
    with file.open("rb"):
        assert sqlite_file.holders(file) == []
