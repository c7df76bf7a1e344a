"""The verbs `curate` and `curate-export`: from decisions to a curated set, and mistakes that end in one message."""

import sys
import urllib.request

import pyarrow.parquet as pq
import pytest
import toy_sets

from nearmiss.cli import main
from nearmiss.engine.curation.store import Decision, Store


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
    status, told, errors = nearmiss(
        "curate-export", file, "--db", tmp_path / "decisions.db", "--out", tmp_path / "out", "--of", "anna"
    )
    assert status == 0, errors
    assert "1 accepted, 1 refused, 3 undecided" in told
    assert pq.read_table(tmp_path / "out" / "pairs.parquet")["inpaint_caption"].to_pylist() == ["a fox on a mat"]


def test_a_second_annotator_on_the_same_port_is_told_so(tmp_path, serve, nearmiss):
    file = toy_sets.write_pairs(tmp_path / "pairs.parquet")
    server = serve(file, tmp_path / "decisions.db")
    status, _, errors = nearmiss(
        "curate", file, "--db", tmp_path / "decisions.db", "--annotator", "ben", "--port", server.port
    )
    assert status == 2
    assert "give another port" in errors
    assert urllib.request.urlopen(server.url).status == 200


@pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("curate SET --db DB", ["annotator"]),
        ("curate SET --annotator anna", ["db"]),
        ("curate MISSING --db DB --annotator anna", ["MISSING", "the set is missing"]),
        ("curate SET --db OTHER --annotator anna", ["OTHER", "another set", "--db"]),
        ("curate SET --db DB --annotator anna --port 99999", ["99999", "another port"]),
        ("curate SET --db DB --annotator anna --images SET --root .", ["pairs hold their own images"]),
        ("curate-export SET --db DB --out OUT", ["DB", "database of decisions is missing"]),
        ("curate-export SET --db DB --out OUT --rule most", ["most", "majority"]),
    ],
)
def test_a_mistake_ends_with_one_message_and_status_2(tmp_path, nearmiss, arguments, words):
    toy_sets.write_pairs(tmp_path / "SET")
    with Store(tmp_path / "OTHER", "the digest of another set") as other:
        other.add(Decision("anna", "0", "accept"), "t")
    paths = {name: str(tmp_path / name) for name in ("SET", "MISSING", "DB", "OTHER", "OUT")}
    status, *told = nearmiss(*(paths.get(word, word) for word in arguments.split()))
    said = " ".join("".join(told).split())
    assert status == 2, said
    for word in words:
        assert word in said
    assert not (tmp_path / "OUT").exists()
