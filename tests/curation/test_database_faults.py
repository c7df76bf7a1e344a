"""A database that is full, locked, read-only or damaged: nothing acknowledged is lost, nothing damaged is used."""

import os
import random
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from threading import Barrier

import pytest
import toy_sets
from test_server import page_of

from nearmiss.base.errors import InputError
from nearmiss.engine.curation.export import export
from nearmiss.engine.curation.opening import open_set
from nearmiss.engine.curation.store import Decision, Store, TokenTaken


def decide(store: Store, count: int = 40) -> list:
    """Decisions of two annotators; all rows."""
    for number in range(count):
        if number % 3:
            made = Decision("anna", str(number % 7), "accept", caption=f"a red ball, number {number}")
        else:
            made = Decision("ben", str(number % 7), "refuse", reason="seam")
        store.add(made, f"token {number}")
    return store.history()


def copied(folder: Path, file: bytes, log: bytes | None = None) -> Path:
    """A database of these bytes, as it remains after its server was killed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "decisions.db").write_bytes(file)
    if log is not None:
        (folder / "decisions.db-wal").write_bytes(log)
    return folder / "decisions.db"


def flipped(content: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :]


def test_a_flipped_bit_is_reported_or_has_no_effect(tmp_path):
    with Store(tmp_path / "decisions.db", "digest") as store:
        rows = decide(store)
    whole = (tmp_path / "decisions.db").read_bytes()
    draw, found = random.Random(0), 0
    for _ in range(250):
        file = copied(tmp_path / "copy", flipped(whole, draw))
        try:
            with Store(file, "digest", create=False) as store:
                assert store.history() == rows
        except InputError as error:
            assert error.file == file
            assert error.remedy
            found += 1
    assert found > 20


@pytest.mark.parametrize("create", [True, False])
def test_a_truncated_database_is_reported(tmp_path, create):
    with Store(tmp_path / "decisions.db", "digest") as store:
        decide(store)
    whole = (tmp_path / "decisions.db").read_bytes()
    for length in (100, 4096, len(whole) // 2, len(whole) - 1):
        file = copied(tmp_path / "copy", whole[:length])
        with pytest.raises(InputError, match="is damaged") as caught:
            Store(file, "digest", create=create)
        assert "restore a copy" in caught.value.remedy
        assert file.read_bytes() == whole[:length]


def test_an_empty_database_is_refused(tmp_path):
    (tmp_path / "decisions.db").touch()
    with pytest.raises(InputError, match="is empty") as caught:
        Store(tmp_path / "decisions.db", "digest")
    assert "remove it" in caught.value.remedy


def test_decisions_survive_a_lost_or_damaged_log(tmp_path):
    with Store(tmp_path / "decisions.db", "digest") as one, Store(tmp_path / "decisions.db", "digest") as other:
        decide(one)
        other.add(Decision("ben", "8", "accept"), "last")
        rows = one.history()
        file, log = ((tmp_path / f"decisions.db{end}").read_bytes() for end in ("", "-wal"))
    draw = random.Random(0)
    for left in (log, None, b"", log[:-1], log[:5000], *(flipped(log, draw) for _ in range(60))):
        with Store(copied(tmp_path / "copy", file, left), "digest", create=False) as store:
            assert store.history() == rows


def test_a_damaged_database_is_not_exported(tmp_path):
    curated = open_set(toy_sets.write_negatives(tmp_path / "set"))
    with Store(tmp_path / "decisions.db", curated.digest) as store:
        store.add(Decision("anna", "n0", "accept"), "t")
    content = (tmp_path / "decisions.db").read_bytes()
    (tmp_path / "decisions.db").write_bytes(content.replace(b"accept", b"bccept"))
    with pytest.raises(InputError, match="is damaged"):
        Store(tmp_path / "decisions.db", curated.digest, create=False)


@pytest.fixture
def page(tmp_path):
    found = page_of(toy_sets.pairs(tmp_path), tmp_path / "decisions.db")
    yield found
    found.store.close()


def test_a_full_disk_is_reported_and_nothing_is_acknowledged(page):
    connection = page.store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    answers = [page.decide(item="0", caption=f"a grey ball {n} {'x' * 1500}", token=f"t{n}") for n in range(4)]
    assert answers[-1].status_code == 507
    assert "disk is full" in answers[-1].json["problem"]
    taken = [f"t{n}" for n, answer in enumerate(answers) if answer.status_code == 200]
    assert [token for token, _, _ in page.store.history()] == taken
    connection.execute("PRAGMA max_page_count = 100000")
    assert page.decide(item="0", caption=f"a grey ball 3 {'x' * 1500}", token="t3").status_code == 200


def test_a_database_that_is_not_writable_is_reported(page):
    page.store._connection.execute("PRAGMA query_only = ON")
    answer = page.decide()
    assert answer.status_code == 503
    assert "readonly" in answer.json["problem"]
    page.store._connection.execute("PRAGMA query_only = OFF")
    assert page.decide().status_code == 200


def test_a_read_only_database_is_exported(tmp_path, monkeypatch):
    curated = open_set(toy_sets.write_negatives(tmp_path / "set"))
    file = tmp_path / "a folder? of #1" / "decisions.db"
    with Store(file, curated.digest) as store:
        store.add(Decision("anna", "n0", "accept"), "t")
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name == tmp_path.name and allowed(path, mode))
    with Store(file, curated.digest, create=False) as store:
        assert export(curated, store, tmp_path / "out", rule="all")["outcomes"]["accepted"] == 1
    assert [each.name for each in file.parent.iterdir()] == ["decisions.db"]


@pytest.mark.parametrize("create", [True, False])
def test_a_database_of_a_newer_version_is_refused_and_not_changed(tmp_path, create):
    with Store(tmp_path / "decisions.db", "digest") as store:
        store.add(Decision("anna", "0", "accept"), "t")
        store._connection.execute("PRAGMA user_version = 9")
    before = (tmp_path / "decisions.db").read_bytes()
    with pytest.raises(InputError, match="version 9") as caught:
        Store(tmp_path / "decisions.db", "digest", create=create)
    assert "newer" in caught.value.remedy
    assert (tmp_path / "decisions.db").read_bytes() == before


def first_version(file: Path) -> None:
    """A database as the first version wrote it: without checksums."""
    with Store(file, "digest") as store:
        store.add(Decision("anna", "0", "accept"), "t")
    with sqlite3.connect(file) as connection:
        connection.execute("ALTER TABLE decisions DROP COLUMN checksum")
        connection.execute("PRAGMA user_version = 0")
    connection.close()


def test_a_database_of_the_first_version_can_be_used(tmp_path):
    first_version(tmp_path / "decisions.db")
    with Store(tmp_path / "decisions.db", "digest") as store:
        store.add(Decision("anna", "0", "refuse", reason="seam"), "u")
        assert [each.decision for _, each, _ in store.history()] == ["accept", "refuse"]
    with Store(tmp_path / "decisions.db", "digest") as store:
        assert store.last() == [Decision("anna", "0", "refuse", reason="seam")]


def test_a_database_of_the_first_version_is_exported_and_not_changed(tmp_path):
    first_version(tmp_path / "decisions.db")
    with Store(tmp_path / "decisions.db", "digest", create=False) as store:
        assert store.last() == [Decision("anna", "0", "accept")]
        columns = store._connection.execute("SELECT name FROM pragma_table_info('decisions')").fetchall()
    assert ("checksum",) not in columns


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["a folder", "a pipe"])
def test_a_database_that_is_not_a_file_is_refused(tmp_path, make):
    make(tmp_path / "decisions.db")
    with pytest.raises(InputError, match="is not a file"):
        Store(tmp_path / "decisions.db", "digest")


@pytest.mark.parametrize("name", ["file/decisions.db", "x" * 300, "a\0b"])
def test_an_invalid_path_of_a_database_is_reported(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be opened"):
        Store(tmp_path / name, "digest")


def test_the_name_of_an_in_memory_database_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store(Path(":memory:"), "digest") as store:
        store.add(Decision("anna", "0", "accept"), "t")
    with Store(Path(":memory:"), "digest", create=False) as store:
        assert store.last() == [Decision("anna", "0", "accept")]


def test_a_token_belongs_to_one_decision(tmp_path):
    with Store(tmp_path / "decisions.db", "digest") as store:
        store.add(Decision("anna", "0", "accept"), "t")
        store.add(Decision("anna", "0", "accept"), "t")
        with pytest.raises(TokenTaken):
            store.add(Decision("anna", "1", "accept"), "t")
        assert len(store.history()) == 1


def test_concurrent_decisions_are_complete_and_in_order(tmp_path):
    """Two servers, each with its own connection, and eight requests at once."""
    rows = [toy_sets.pair(number) for number in range(25)]
    curated = toy_sets.pairs(tmp_path, *rows)
    pages = [page_of(curated, tmp_path / "decisions.db", annotator=name) for name in ("anna", "ben")]
    start = Barrier(8)

    def work(worker: int) -> list[int]:
        start.wait()
        made = []
        for turn in range(25):
            verdict = {"decision": "refuse", "reason": "seam"} if turn % 2 else {"decision": "accept"}
            answer = pages[worker % 2].decide(item=str(turn), token=f"{worker} {turn}", **verdict)
            made.append(answer.status_code)
        return made

    with ThreadPoolExecutor(8) as pool:
        assert {status for made in pool.map(work, range(8)) for status in made} == {200}
    history = pages[0].store.history()
    assert len(history) == 200
    for worker in range(8):
        own = [token.split()[1] for token, _, _ in history if token.startswith(f"{worker} ")]
        assert own == [str(turn) for turn in range(25)]
    assert [page.get("progress").json["decided"] for page in pages] == [25, 25]
    for page in pages:
        page.store.close()


def test_two_servers_create_one_database_at_the_same_time(tmp_path):
    start = Barrier(4)

    def work(name: str) -> None:
        start.wait()
        with Store(tmp_path / "decisions.db", "digest") as store:
            store.add(Decision(name, "0", "accept"), name)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, "abcd"))
    with Store(tmp_path / "decisions.db", "digest", create=False) as store:
        assert sorted(each.annotator for each in store.last()) == list("abcd")


def test_acknowledged_decisions_survive_kill_9_under_load(tmp_path, serve):
    curated = toy_sets.pairs(tmp_path)
    server = serve(curated.files[0], tmp_path / "decisions.db")
    acknowledged: list[str] = []

    def annotate(worker: int) -> None:
        opener, session = server.opener()
        for turn in range(500):
            token = f"{worker} {turn}"
            try:
                toy_sets.send(opener, f"{server.home}{session}", item=str(turn % 5), decision="accept", token=token)
            except (OSError, HTTPException):  # also a response that breaks off
                return
            acknowledged.append(token)
            if len(acknowledged) == 60:
                server.kill()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(annotate, range(4)))
    with Store(tmp_path / "decisions.db", curated.digest, create=False) as store:
        kept = [token for token, _, _ in store.history()]
    assert len(acknowledged) >= 60
    assert set(acknowledged) <= set(kept)
    assert len(kept) == len(set(kept)) <= len(acknowledged) + 4
