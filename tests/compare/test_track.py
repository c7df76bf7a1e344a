"""MLflow's record: one run each, replaced and not repeated, the same receipt each time, rebuilt where it is missing."""

import json
import os
import subprocess
import sys

import pytest
import toy_chain

from nearmiss.base import tracking
from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.stages.compare import track, ui

ARMS = ("clip", "hnc")
RUNS = {f"{stage}/{arm}/0" for stage in ("pretrain", "finetune", "evaluate", "robustness") for arm in ARMS}
RUNS |= {"finetune/scratch/0"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A results folder with one tracked experiment."""
    results = tmp_path_factory.mktemp("results")
    arguments = toy_chain.write(results / "toy", arms=ARMS, questions=4)
    del arguments["inpainted"], arguments["root"]  # no model is trained or scored there
    receipt = results / "toy" / "compare" / "tracked.json"
    track.run(**arguments, store=results / "mlflow.db", out=receipt)
    return results, arguments, receipt


def test_every_training_finetuning_and_evaluation_is_a_run(made):
    found = tracking.recorded(made[0] / "mlflow.db", "toy")
    assert set(found) == RUNS
    assert 0 <= found["evaluate/hnc/0"]["headline.relation"] <= 1
    assert found["pretrain/hnc/0"]["cost.seconds"] == 93
    assert found["pretrain/hnc/0"]["loss"] == pytest.approx(4.0 / 5.5)


def test_metrics_of_later_stages_are_named_by_their_subject(made):
    found = tracking.recorded(made[0] / "mlflow.db", "toy")
    tuned, corrupted = found["finetune/scratch/0"], found["robustness/hnc/0"]
    assert 0 <= tuned["vsr/0.1/iid/relation/accuracy"] <= 1
    assert 0 <= tuned["vsr/1.0/new_relation/relation/accuracy"] <= 1
    assert tuned["vsr/0.1/1.0/loss"] == pytest.approx(1 / 40)  # task, share, factor of the rates
    assert tuned["cost.seconds"] == 30
    endpoint = "world/relation/reverse/iid/2x2"
    clean, typos = (corrupted[f"{endpoint}/{state}/accuracy"] for state in ("clean", "typos/3"))
    assert 0 <= clean <= 1
    assert corrupted[f"{endpoint}/typos/3/accuracy_drop"] == pytest.approx(clean - typos)


def test_the_receipt_names_runs_and_hashes_and_no_ids(made):
    receipt = json.loads(made[2].read_text())
    assert receipt["runs"]["pretrain/hnc/0"]["weights_sha256"] == "ab" * 32
    for name in ("evaluate/hnc/0", "finetune/scratch/0", "robustness/hnc/0"):
        assert {"config", "code", "lock", "data"} <= set(receipt["runs"][name])
    assert "run_id" not in made[2].read_text()


def test_tracking_again_replaces_the_runs_and_keeps_the_receipt(made):
    results, arguments, receipt = made
    before = sha256(receipt)
    track.run(**arguments, store=results / "mlflow.db", out=receipt)
    assert sha256(receipt) == before
    client = tracking._client(results / "mlflow.db")
    experiment = client.get_experiment_by_name("toy")
    assert {name: len(ids) for name, ids in tracking._runs(client, experiment.experiment_id).items()} == {
        name: 1 for name in RUNS
    }


def test_a_missing_store_is_rebuilt_from_the_results(made, monkeypatch):
    results, arguments, _ = made
    written = []

    def note(store, experiment, runs, *, artifacts):
        store.touch()
        assert not (results / "gone.db").exists()  # it appears when it is whole
        written.append((artifacts, experiment, runs))

    monkeypatch.setattr(tracking, "track", note)
    assert ui.rebuild(results / "gone.db") == ["toy"]
    ((artifacts, experiment, runs),) = written
    assert (artifacts, experiment) == (results / "gone.artifacts", "toy")
    assert (results / "gone.db").is_file()
    assert not list(results.glob(".gone.db*"))
    folders = {name: arguments[name] for name in arguments if name != "experiment"}
    first = track.collect(**folders)
    assert sorted(runs, key=lambda run: run.name) == sorted(first, key=lambda run: run.name)


def test_a_rebuild_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match="no experiment is finished"):
        ui.run(store=tmp_path / "mlflow.db", port=5000)


def test_a_file_that_is_not_a_store_is_not_changed(made, tmp_path):
    store = tmp_path / "mlflow.db"
    store.write_bytes(b"somebody's notes, no database at all" * 10)
    with pytest.raises(InputError, match=r"mlflow\.db"):
        track.run(**made[1], store=store, out=tmp_path / "tracked.json")
    assert store.read_bytes().startswith(b"somebody's notes")
    assert not (tmp_path / "tracked.json").exists()


def test_the_ui_listens_only_on_the_loopback_address(tmp_path):
    line = tracking.command(tmp_path / "mlflow.db", 5001)
    assert line[line.index("--host") + 1] == "127.0.0.1"
    assert "--disable-security-middleware" not in line


def test_importing_the_stage_imports_no_mlflow():
    code = "import sys, nearmiss.stages.compare.track, nearmiss.base.tracking; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0
