"""The commands `curate serve` and `curate export`: from decisions to a curated set; mistakes end in one message."""

import sqlite3
import sys
import urllib.request
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import toy_sets

from nearmiss.cli import main
from nearmiss.engine.curation.opening import open_set
from nearmiss.engine.curation.store import Decision, Store

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")


@pytest.fixture
def nearmiss(monkeypatch, capsys):
    """The command line: its status, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["nearmiss", *map(str, arguments)])
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = ended.code or 0
        return status, *capsys.readouterr()

    return run


def test_what_was_accepted_on_the_page_is_exported(tmp_path, serve, nearmiss):
    file = toy_sets.write_pairs(tmp_path / "pairs.parquet")
    server = serve(file, tmp_path / "decisions.db")
    server.post(
        {"item": "2", "decision": "accept", "caption": "a fox on a mat", "token": "t0"},
        {"item": "3", "decision": "refuse", "reason": "seam", "token": "t1"},
    )
    status, printed, errors = nearmiss(
        "curate", "export", file, "--db", tmp_path / "decisions.db", "--out", tmp_path / "out", "--of", "anna"
    )
    assert status == 0, errors
    assert "1 accepted, 1 refused, 3 undecided" in printed
    assert pq.read_table(tmp_path / "out" / "pairs.parquet")["inpaint_caption"].to_pylist() == ["a fox on a mat"]


def test_a_port_in_use_is_reported(tmp_path, serve, nearmiss):
    file = toy_sets.write_pairs(tmp_path / "pairs.parquet")
    server = serve(file, tmp_path / "decisions.db")
    status, _, errors = nearmiss(
        "curate", "serve", file, "--db", tmp_path / "decisions.db", "--annotator", "ben", "--port", server.port
    )
    assert status == 2
    assert "give another port" in errors
    assert urllib.request.urlopen(server.url).status == 200


def write_everything(folder: Path) -> dict[str, str]:
    """Sets, and databases of which one can be exported; the path of each by its name, and of some that are missing."""
    digest = open_set(toy_sets.write_pairs(folder / "SET")).digest
    toy_sets.write_negatives(folder / "NEGATIVES")
    toy_sets.write_images(folder / "images")
    for name, of in (("OTHER", "another digest"), ("OWN", digest), ("NEWER", digest), ("CUT", digest)):
        with Store(folder / name, of) as store:
            store.add(Decision("anna", "0", "accept"), "t")
    for name, change in (("NEWER", "PRAGMA user_version = 7"), ("FOREIGN", "CREATE TABLE meta (name, value)")):
        with sqlite3.connect(folder / name) as connection:
            connection.execute(change)
        connection.close()
    (folder / "CUT").write_bytes((folder / "CUT").read_bytes()[:9000])
    (folder / "EMPTY").touch()
    (folder / "FOLDER").mkdir()
    (folder / "FULL").mkdir()
    (folder / "FULL" / "mine.txt").write_text("mine")
    names = ("SET", "NEGATIVES", "MISSING", "DB", "OTHER", "OWN", "NEWER", "FOREIGN", "CUT", "EMPTY", "FOLDER", "FULL")
    return {name: str(folder / name) for name in (*names, "OUT")} | {"IMAGES": str(folder / "images/images.parquet")}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("curate serve SET --db DB", ["annotator"]),
        ("curate serve SET --annotator anna", ["db"]),
        ("curate serve MISSING --db DB --annotator anna", ["MISSING", "the set is missing"]),
        ("curate serve SET --db OTHER --annotator anna", ["OTHER", "another set", "--db"]),
        ("curate serve SET --db DB --annotator anna --port 99999", ["99999", "another port"]),
        ("curate serve SET --db DB --annotator anna --images SET --root .", ["pairs contain their images"]),
        (
            "curate serve NEGATIVES --db DB --annotator anna --images IMAGES --root MISSING",
            ["MISSING", "folder of the images"],
        ),
        ("curate serve SET --db SET --annotator anna", ["SET", "or is not a database", "give another file"]),
        ("curate serve SET --db FOREIGN --annotator anna", ["FOREIGN", "not one of decisions"]),
        ("curate serve SET --db NEWER --annotator anna", ["NEWER", "version 7", "newer version of nearmiss"]),
        (
            "curate serve SET --db EMPTY --annotator anna",
            ["EMPTY", "is empty", "remove it to start from the beginning"],
        ),
        ("curate serve SET --db FOLDER --annotator anna", ["FOLDER", "is not a file"]),
        ("curate serve FOLDER --db DB --annotator anna", ["FOLDER", "there is no set for curation"]),
        ("curate export SET --db DB --out OUT", ["DB", "database of decisions is missing"]),
        ("curate export SET --db FOREIGN --out OUT", ["FOREIGN", "not one of decisions"]),
        ("curate export SET --db NEWER --out OUT", ["NEWER", "version 7", "newer version of nearmiss"]),
        ("curate export SET --db CUT --out OUT", ["CUT", "is damaged", "restore a copy"]),
        ("curate export SET --db OTHER --out OUT", ["OTHER", "another set"]),
        ("curate export SET --db OWN --out FULL", ["FULL", "did not write", "mine.txt"]),
        ("curate export SET --db OWN --out SET", ["SET", "is or holds an input", "another folder"]),
        ("curate export SET --db OWN --out OUT --of ben", ["OWN", "no decisions of these annotators", "anna"]),
        ("curate export SET --db DB --out OUT --rule most", ["most", "majority"]),
    ],
)
def test_a_mistake_ends_with_one_message_and_status_2(tmp_path, nearmiss, arguments, words):
    paths = write_everything(tmp_path)
    status, *printed = nearmiss(*(paths.get(word, word) for word in arguments.split()))
    text = " ".join("".join(printed).split())
    assert status == 2, text
    for word in words:
        assert word in text
    assert not (tmp_path / "OUT").exists()
    assert (tmp_path / "FULL" / "mine.txt").read_text() == "mine"
