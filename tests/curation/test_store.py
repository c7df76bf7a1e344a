"""The database of decisions: what was acknowledged is there, once, and stays as it was."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import toy_sets

from nearmiss.base.errors import InputError
from nearmiss.engine.curation.store import Decision, Store, annotator_name

ACCEPT = Decision("anna", "1", "accept")
REFUSE = Decision("anna", "1", "refuse", reason="seam")


def noon() -> datetime:
    return datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "decisions.db", "digest", clock=noon) as opened:
        yield opened


def test_acknowledged_decisions_survive_kill_9(tmp_path, serve):
    curated = toy_sets.pairs(tmp_path)
    server = serve(curated.files[0], tmp_path / "decisions.db")
    for item in range(4):
        response = server.post({"item": str(item), "decision": "accept", "token": f"t{item}"})
        assert response["saved"] == f"t{item}"
    server.kill()
    with Store(tmp_path / "decisions.db", curated.digest, create=False) as found:
        assert [each.item for each in found.last("anna")] == ["0", "1", "2", "3"]


def test_a_decision_that_is_sent_twice_is_one_row(store):
    store.add(ACCEPT, "token")
    store.add(ACCEPT, "token")
    assert store.history() == [("token", ACCEPT, "2026-01-02T12:00:00.000+00:00")]


def test_the_last_decision_counts_and_the_first_is_kept(store):
    store.add(ACCEPT, "first")
    store.add(REFUSE, "second")
    assert store.last() == [REFUSE]
    assert [each for _, each, _ in store.history()] == [ACCEPT, REFUSE]


def test_a_repeated_request_does_not_restore_an_old_decision(store):
    store.add(ACCEPT, "first")
    store.add(REFUSE, "second")
    store.add(ACCEPT, "first")
    assert store.last() == [REFUSE]


def test_decisions_are_separate_by_annotator(store):
    ben = Decision("ben", "1", "refuse", reason="seam")
    store.add(ACCEPT, "a")
    store.add(ben, "b")
    assert store.last("anna") == [ACCEPT]
    assert store.last("ben") == [ben]
    assert store.last() == [ACCEPT, ben]


def test_two_servers_write_into_one_database(tmp_path):
    def work(name: str) -> None:
        with Store(tmp_path / "decisions.db", "digest") as opened:
            for item in range(25):
                opened.add(Decision(name, str(item), "accept"), f"{name} {item}")

    with ThreadPoolExecutor() as pool:
        list(pool.map(work, ("anna", "ben", "cleo")))
    with Store(tmp_path / "decisions.db", "digest", create=False) as opened:
        assert len(opened.last()) == 75


@pytest.mark.parametrize("change", ["UPDATE decisions SET decision = 'refuse'", "DELETE FROM decisions"])
def test_a_row_is_neither_changed_nor_deleted(store, change):
    store.add(ACCEPT, "token")
    with pytest.raises(sqlite3.IntegrityError, match="only added"):
        sqlite3.connect(store.file).execute(change)
    assert store.last() == [ACCEPT]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(Decision("anna", "1", "refuse"), id="a refusal without a reason"),
        pytest.param(Decision("anna", "1", "accept", reason="seam"), id="an acceptance with a reason"),
        pytest.param(Decision("anna", "1", "refuse", reason="seam", caption="x"), id="a refusal with a caption"),
        pytest.param(Decision("anna", "1", "maybe"), id="neither"),
    ],
)
def test_an_incomplete_decision_is_refused(store, wrong):
    with pytest.raises(sqlite3.IntegrityError):
        store.add(wrong, "token")
    assert store.history() == []


def test_the_database_of_another_set_is_refused_and_not_changed(store):
    store.add(ACCEPT, "token")
    with pytest.raises(InputError, match="another set"):
        Store(store.file, "another digest")
    assert store.last() == [ACCEPT]


def test_a_foreign_database_is_refused_and_not_changed(tmp_path):
    file = tmp_path / "foreign.db"
    with sqlite3.connect(file) as foreign:
        foreign.execute("CREATE TABLE meta (name TEXT, value TEXT)")
    foreign.close()
    before = file.read_bytes()
    with pytest.raises(InputError, match="not one of decisions"):
        Store(file, "digest")
    assert file.read_bytes() == before


def test_a_file_that_is_not_a_database_is_refused(tmp_path):
    (tmp_path / "notes.db").write_text("these are notes, and no database at all" * 9)
    with pytest.raises(InputError, match="not a database"):
        Store(tmp_path / "notes.db", "digest")


def test_a_missing_database_is_not_created_by_an_export(tmp_path):
    with pytest.raises(InputError, match="missing"):
        Store(tmp_path / "none" / "decisions.db", "digest", create=False)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["", "  ", "a" * 61, "an\0na"])
def test_an_invalid_annotator_name_is_refused(name):
    with pytest.raises(InputError, match="not a valid name"):
        annotator_name(name)


def test_blanks_around_a_name_are_ignored():
    assert annotator_name("  Anna   Li ") == "Anna Li"
