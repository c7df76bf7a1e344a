"""Clone, restore, "nothing to be done"; and what differs from the recorded state runs again, with what follows."""

import shutil

import pytest
from clones import RESULTS

COMPARE = {"compare_page", "compare_track"}


def test_a_restored_clone_has_nothing_to_do(restored):
    assert restored.plan() == {}


def test_all_restored_files_have_one_time_and_it_is_past(restored):
    files = [
        file for stage in ("data", "pretrain", "fingerprint") for file in (restored.path / RESULTS / stage).rglob("*")
    ]
    times = {file.stat().st_mtime_ns for file in files if file.is_file()}
    assert len(times) == 1
    assert times.pop() < (restored.path / "results" / "mlflow.db").stat().st_mtime_ns


def test_the_restored_results_are_the_recorded_bytes(restored, recorded):
    for file in sorted((recorded.path / RESULTS).rglob("*")):
        if file.is_file() and file.name != ".snakemake_timestamp":
            assert (restored.path / file.relative_to(recorded.path)).read_bytes() == file.read_bytes()


def test_restored_fingerprints_equal_those_of_the_workflow(restored, recorded):
    fingerprints = sorted((recorded.path / RESULTS / "fingerprint").rglob("*.json"))
    assert fingerprints
    for file in fingerprints:
        assert (restored.path / file.relative_to(recorded.path)).read_text() == file.read_text()


def test_dvc_skips_every_stage_of_a_restored_clone(mine):
    before = (mine.path / "dvc.lock").read_bytes()
    output = mine.dvc("repro")
    assert "Running stage" not in output
    assert output.count("didn't change, skipping") == len(mine.stages())
    assert "up to date" in mine.dvc("status")
    assert (mine.path / "dvc.lock").read_bytes() == before


def test_a_second_restore_changes_nothing(mine):
    answer = mine.nearmiss("versions", "restore")
    assert answer.returncode == 0, answer.stderr
    assert mine.plan() == {}


@pytest.mark.parametrize(
    ("file", "planned"),
    [
        ("evaluate/hnc/0/metrics.parquet", {"evaluate_run": 1}),
        ("compare/summary.txt", {}),
    ],
)
def test_a_deleted_output_and_its_dependents_run_again(mine, file, planned):
    (mine.path / RESULTS / file).unlink()
    assert mine.plan() == {**planned, **dict.fromkeys(COMPARE, 1)}


def test_an_edit_before_the_restore_runs_that_stage_and_its_dependents(fresh):
    fresh.append("src/nearmiss/stages/evaluate/stage.py")
    answer = fresh.nearmiss("versions", "restore")
    assert answer.returncode == 0, answer.stderr
    assert "runs again, with everything that depends on it: evaluate (code)" in answer.stdout
    assert set(fresh.plan()) == {"evaluate_run", *COMPARE}


def test_an_edit_after_the_restore_runs_that_stage_and_its_dependents(mine):
    mine.append("src/nearmiss/stages/evaluate/stage.py")
    assert set(mine.plan()) == {"evaluate_run", *COMPARE}


def test_other_arms_before_the_restore_run_those_arms_and_the_comparison(fresh):
    arms = fresh.arms()
    arms["hnc"]["text_lr"] = 1.5e-3
    del arms["keyword"]
    fresh.change(arms=arms)
    answer = fresh.nearmiss("versions", "restore")
    assert answer.returncode == 0, answer.stderr
    assert "pretrain/hnc (configuration (arm.text_lr))" in answer.stdout
    assert "it compares other runs: -evaluate/keyword/0" in answer.stdout
    planned = fresh.plan()
    assert planned["pretrain_arm"] == planned["evaluate_run"] == 1
    assert set(planned) >= COMPARE
    assert not {rule for rule in planned if rule.startswith(("data_", "negatives_", "inpaint_"))}


def test_another_interval_after_the_restore_runs_only_compare(mine):
    mine.change(compare={"resamples": 100, "controls": ["clip"], "level": 0.9})
    assert set(mine.plan()) == COMPARE


def test_an_updated_lock_runs_every_stage_again(mine):
    mine.append("requirements.lock", "# updated\n")
    assert {rule.partition("_")[0] for rule in mine.plan()} == set(mine.stages())


def test_one_stage_is_restored_with_its_inputs(fresh):
    answer = fresh.nearmiss("versions", "restore", "--stage", "negatives")
    assert answer.returncode == 0, answer.stderr
    assert sorted(one.name for one in (fresh.path / RESULTS).iterdir()) == ["data", "fingerprint", "negatives"]
    assert not {rule for rule in fresh.plan() if rule.startswith(("data_", "negatives_"))}


def test_an_interrupted_restore_is_completed(mine):
    shutil.rmtree(mine.path / RESULTS / "data" / "tables")
    (mine.path / RESULTS / "compare" / "index.html").unlink()
    assert mine.plan() != {}
    answer = mine.nearmiss("versions", "restore")
    assert answer.returncode == 0, answer.stderr
    assert mine.plan() == {}


def test_dvc_runs_what_changed_and_nothing_else(mine):
    mine.append("src/nearmiss/stages/compare/stage.py")
    assert mine.nearmiss("versions", "pipeline").returncode == 0
    output = mine.dvc("repro")
    assert output.count("Running stage") == 1
    assert "Running stage 'compare'" in output
    assert mine.plan() == {}
    assert "up to date" in mine.dvc("status")


def test_a_restore_creates_the_mlflow_store(restored):
    assert (restored.path / "results" / "mlflow.db").is_file()
    assert "all hashes verified" in (restored.path / "said.txt").read_text()
