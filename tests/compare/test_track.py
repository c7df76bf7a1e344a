"""MLflow's record: one run each, replaced and not repeated, the same receipt each time, rebuilt where it is missing."""

import json
import os
import subprocess
import sys

import pytest
import toy_chain

from nearmiss.base import tracking, tracking_server
from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.stages.compare import track, ui

ARMS = ("clip", "hnc")
RUNS = {f"{stage}/{arm}/0" for stage in ("pretrain", "finetune", "evaluate", "robustness") for arm in ARMS}
RUNS |= {"finetune/scratch/0"}
PARENTS = {f"{arm}/0" for arm in (*ARMS, "scratch")}


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
    assert set(found) == RUNS | PARENTS
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


def test_runs_are_children_of_their_arm_and_have_few_metrics_and_the_times_of_their_jobs(made, tmp_path):
    results, arguments, _ = made
    (tmp_path / "index.html").write_text("<p>report</p>")
    recorded = {run.name: run for run in track.collect(**folders(arguments), page=tmp_path)}
    assert {run.parent for run in recorded.values()} == {*PARENTS, None}
    assert max(len(run.metrics) for run in recorded.values()) <= track.HEADLINES
    training, evaluation = recorded["pretrain/hnc/0"], recorded["evaluate/hnc/0"]
    assert training.span[1] - training.span[0] == pytest.approx(93)
    assert evaluation.metrics["training.seconds"] == 93
    assert recorded["hnc/0"].metrics["headline.relation"] == evaluation.metrics["headline.relation"]
    assert set(evaluation.metrics) < set(evaluation.table)
    assert recorded["compare"].artifacts["report/index.html"] == tmp_path / "index.html"
    client = tracking._client(results / "mlflow.db")
    runs = tracking._runs(client, client.get_experiment_by_name("toy").experiment_id)
    child, parent = runs["pretrain/hnc/0"][0], runs["hnc/0"][0]
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.info.end_time - child.info.start_time == pytest.approx(93_000, abs=2)
    times = [point.timestamp for point in client.get_metric_history(child.info.run_id, "loss")]
    assert times == sorted(times) and times[-1] - times[0] > 50_000


def folders(arguments):
    return {name: arguments[name] for name in arguments if name != "experiment"}


def test_tracking_again_replaces_the_runs_and_keeps_the_receipt(made):
    results, arguments, receipt = made
    before = sha256(receipt)
    track.run(**arguments, store=results / "mlflow.db", out=receipt)
    assert sha256(receipt) == before
    client = tracking._client(results / "mlflow.db")
    experiment = client.get_experiment_by_name("toy")
    assert {name: len(ids) for name, ids in tracking._runs(client, experiment.experiment_id).items()} == {
        name: 1 for name in RUNS | PARENTS
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
    first = track.collect(**folders(arguments))
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
    line = tracking_server.command(tmp_path / "mlflow.db", 5001)
    assert line[line.index("--host") + 1] == "127.0.0.1"
    assert "--disable-security-middleware" not in line


def test_importing_the_stage_imports_no_mlflow():
    code = "import sys, nearmiss.stages.compare.track, nearmiss.base.tracking; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0
