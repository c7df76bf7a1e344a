"""MLflow's store: unusual paths, other programs' databases, and stores of other versions of MLflow."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from nearmiss.base import tracking, tracking_server
from nearmiss.base.errors import InputError
from nearmiss.base.tracking import Tracked
from nearmiss.stages.compare import ui

RUNS = [Tracked(name="evaluate/clip/0", params={"arm": "clip"}, metrics={"accuracy": 0.5}, tags={"stage": "evaluate"})]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store in a folder whose name has every letter that an address treats apart."""
    folder = tmp_path_factory.mktemp("store") / "what? 100%25 {v2} #1 'x'"
    folder.mkdir()
    tracking.track(folder / "mlflow.db", "toy", RUNS)
    return folder / "mlflow.db"


def copy(store, tmp_path):
    (tmp_path / "mlflow.db").write_bytes(store.read_bytes())
    return tmp_path / "mlflow.db"


def set_schema(store, version):
    with closing(sqlite3.connect(store)) as database:
        database.execute("UPDATE alembic_version SET version_num = ?", (version,))
        database.commit()


def test_the_store_is_written_only_at_its_path(store, monkeypatch, tmp_path):
    assert store.is_file()
    assert [one.name for one in store.parent.parent.iterdir()] == [store.parent.name]
    monkeypatch.chdir(tmp_path)
    assert tracking.recorded(store, "toy") == {"evaluate/clip/0": {"accuracy": 0.5}}
    assert list(tmp_path.iterdir()) == []


def test_the_database_of_another_program_is_not_changed(tmp_path):
    file = tmp_path / "mine.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE notes (text TEXT)")
        database.commit()
    before = file.read_bytes()
    for use in (lambda: tracking.track(file, "toy", RUNS), lambda: tracking_server.serve(file, 5000)):
        with pytest.raises(InputError, match="another program"):
            use()
    assert file.read_bytes() == before


@pytest.mark.parametrize(("version", "words"), [("ffffffffffff", "newer"), ("451aebb31d03", "older")])
def test_a_store_of_another_version_is_named_and_kept(store, tmp_path, version, words):
    file = copy(store, tmp_path)
    set_schema(file, version)
    with pytest.raises(InputError, match=f"{words} version of MLflow") as caught:
        tracking.recorded(file, "toy")
    assert ("db upgrade" in caught.value.remedy) == (words == "older")
    assert "delete" not in str(caught.value)


def test_a_damaged_receipt_is_reported_and_leaves_no_partial_store(tmp_path, capsys):
    for name, content in (
        ("a", "[]"),
        ("b", json.dumps({"experiment": "b", "runs": {"evaluate/../../x": {}}})),
        ("c", "{"),
    ):
        (tmp_path / name / "compare").mkdir(parents=True)
        (tmp_path / name / "compare" / "tracked.json").write_text(content)
    with pytest.raises(InputError, match="no experiment is finished"):
        ui.rebuild(tmp_path / "mlflow.db")
    output = capsys.readouterr().err
    assert [name for name in "abc" if f"experiment '{name}'" in output] == list("abc")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "b", "c"]


def test_a_recording_that_was_interrupted_does_not_count(tmp_path):
    store = tmp_path / "mlflow.db"
    run = tracking.Tracked("evaluate/clip/0", params={}, metrics={"accuracy": 0.5}, tags={}, span=(10.0, 20.0))
    tracking.track(store, "toy", [run])
    client = tracking._client(store)
    (experiment,) = [each for each in client.search_experiments() if each.name == "toy"]
    begun = client.create_run(experiment.experiment_id, start_time=10_000, tags={tracking.RUN: run.name})
    client.log_metric(begun.info.run_id, "accuracy", 0.9)
    assert tracking.recorded(store, "toy") == {run.name: {"accuracy": 0.5}}
    tracking.track(store, "toy", [replace(run, metrics={"accuracy": 0.7})])
    assert tracking.recorded(store, "toy") == {run.name: {"accuracy": 0.7}}
    assert len(client.search_runs([experiment.experiment_id])) == 1


def test_of_several_finished_runs_of_a_name_the_one_that_was_recorded_last_counts(tmp_path):
    store = tmp_path / "mlflow.db"
    tracking.track(store, "toy", [])
    client = tracking._client(store)
    (experiment,) = [each for each in client.search_experiments() if each.name == "toy"]
    for accuracy in (0.5, 0.6, 0.7):
        run = tracking.Tracked("evaluate/clip/0", {}, {"accuracy": accuracy}, {}, span=(10.0, 20.0))
        tracking._write(client, experiment.experiment_id, run, None)
    assert tracking.recorded(store, "toy") == {"evaluate/clip/0": {"accuracy": 0.7}}
