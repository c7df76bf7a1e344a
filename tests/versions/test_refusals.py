"""Faults before a snapshot or a restore: one message names the fault and the place, and nothing is changed."""

import json
import os
import shutil

import pytest
from clones import CONFIG, RESULTS, clone


def refused(answer, *words):
    """The message of a command that must refuse."""
    assert answer.returncode == 2, answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr
    assert "remedy:" in answer.stderr
    for word in words:
        assert word in answer.stderr
    return answer.stderr


def objects(folder):
    """The objects of a cache or remote that hold files, biggest first."""
    found = [file for file in (folder / "files" / "md5").rglob("*") if file.is_file() and file.suffix != ".dir"]
    return sorted(found, key=lambda file: (-file.stat().st_size, file.name))


def spoil(file):
    """Change one byte of an object that DVC trusts because it is read-only."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(content)
    file.chmod(0o444)


def test_a_restore_without_a_snapshot(fresh):
    (fresh.path / "dvc.lock").unlink()
    refused(fresh.nearmiss("versions", "restore"), "dvc.lock is missing", "nearmiss versions snapshot")
    assert not (fresh.path / RESULTS / "data").exists()


def test_a_restore_of_an_experiment_that_was_not_recorded(fresh):
    fresh.change(experiment="other")
    refused(fresh.nearmiss("versions", "restore"), "no results of experiment 'other'")


def test_an_invalid_lock_file(fresh):
    (fresh.path / "dvc.lock").write_text("stages: [")
    refused(fresh.nearmiss("versions", "restore"), "not a lock file of DVC")


def test_a_restore_without_a_remote(recorded, tmp_path):
    lonely = clone(recorded, tmp_path / "clone", None)
    refused(lonely.nearmiss("versions", "restore"), "no remote is configured", "results/tiny/")


def test_a_restore_from_an_unknown_remote(fresh):
    refused(fresh.nearmiss("versions", "restore", "--remote", "elsewhere"), "no remote 'elsewhere'", "store")


def test_a_restore_from_an_empty_remote(fresh, tmp_path):
    (tmp_path / "empty").mkdir()
    fresh.use_remote(tmp_path / "empty")
    refused(fresh.nearmiss("versions", "restore"), "does not have", "dvc push")
    assert not (fresh.path / RESULTS / "data").exists()


def test_a_remote_that_lacks_one_object(fresh, store, tmp_path):
    shutil.copytree(store, tmp_path / "store")
    objects(tmp_path / "store")[0].unlink()
    fresh.use_remote(tmp_path / "store")
    refused(fresh.nearmiss("versions", "restore"), "does not have 1 of", "results/tiny/pretrain/")
    assert not (fresh.path / RESULTS / "data").exists()


@pytest.mark.parametrize("kind", ["file", "list of files"])
def test_a_damaged_object_in_the_remote_is_named_and_not_kept(fresh, store, tmp_path, kind):
    shutil.copytree(store, tmp_path / "store")
    lists = sorted((tmp_path / "store").rglob("*.dir"))
    bad = objects(tmp_path / "store")[0] if kind == "file" else lists[0]
    spoil(bad)
    fresh.use_remote(tmp_path / "store")
    name = f"{bad.parent.name}/{bad.name}"
    refused(fresh.nearmiss("versions", "restore"), "damaged objects in remote 'store': ", name, "results/tiny/")
    assert not (fresh.path / RESULTS / "data").exists()
    assert not (fresh.path / ".dvc" / "cache" / "files" / "md5" / name).exists()


def test_a_damaged_object_in_the_cache_is_named(mine):
    bad = objects(mine.path / ".dvc" / "cache")[0]
    spoil(bad)
    assert "up to date" in mine.dvc("status")  # DVC itself sees nothing
    refused(mine.nearmiss("versions", "restore"), "damaged objects in DVC's cache: 1", str(bad))
    refused(mine.nearmiss("versions", "snapshot"), "damaged objects in DVC's cache: 1", str(bad))
    bad.unlink()
    assert mine.nearmiss("versions", "restore").returncode == 0


def test_results_without_a_snapshot_are_not_overwritten(mine):
    file = mine.path / RESULTS / "compare" / "summary.txt"
    file.write_text("mine")
    refused(
        mine.nearmiss("versions", "restore"), "not in a snapshot", "compare/summary.txt", "nearmiss versions snapshot"
    )
    assert file.read_text() == "mine"


def test_results_of_another_configuration_are_not_overwritten(mine):
    manifest = mine.path / RESULTS / "data" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["fingerprint"]["config"]["source"]["seed"] = 99
    manifest.write_text(json.dumps(content))
    refused(mine.nearmiss("versions", "restore"), "not in a snapshot", "configuration (source.seed)")
    assert json.loads(manifest.read_text()) == content


def test_a_snapshot_of_results_that_are_out_of_date(mine):
    before = (mine.path / "dvc.lock").read_bytes()
    mine.append("src/nearmiss/stages/compare/stage.py")
    refused(
        mine.nearmiss("versions", "snapshot"),
        "Snakemake would run: compare_page (1), compare_track (1)",
        "nearmiss run",
    )
    assert (mine.path / "dvc.lock").read_bytes() == before


def test_a_snapshot_of_results_that_were_only_touched(mine):
    before = (mine.path / "dvc.lock").read_bytes()
    mine.append("src/nearmiss/stages/compare/stage.py")
    touched = mine.command("snakemake", "--nocolor", "--touch")
    assert touched.returncode == 0 and mine.plan() == {}
    refused(mine.nearmiss("versions", "snapshot"), "made with another code", "fingerprint/compare.json")
    assert (mine.path / "dvc.lock").read_bytes() == before


def test_a_snapshot_with_a_manifest_that_was_edited_by_hand(mine):
    manifest = mine.path / RESULTS / "negatives" / "keyword" / "manifest.json"
    times = manifest.stat()
    content = json.loads(manifest.read_text())
    content["outputs"]["negatives.parquet"] = "0" * 64
    manifest.write_text(json.dumps(content))
    os.utime(manifest, ns=(times.st_atime_ns, times.st_mtime_ns))
    refused(mine.nearmiss("versions", "snapshot"), "was edited", "negatives/keyword/negatives.parquet")


def test_a_restore_of_a_manifest_that_was_edited_by_hand(mine):
    manifest = mine.path / RESULTS / "negatives" / "keyword" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["outputs"]["negatives.parquet"] = "0" * 64
    manifest.write_text(json.dumps(content))
    mine.dvc("commit", "--force", "negatives")  # past `nearmiss versions snapshot`
    refused(mine.nearmiss("versions", "restore"), "do not match their manifests", "negatives/keyword/negatives.parquet")


def test_a_lock_that_pairs_a_stage_with_other_data_runs_that_stage_again(mine):
    (mine.path / RESULTS / "data" / "cost.json").write_text("{}")
    mine.dvc("commit", "--force", "data")  # as after `dvc repro data`
    answer = mine.nearmiss("versions", "restore")
    assert answer.returncode == 0, answer.stderr
    assert "made from other results of data" in answer.stdout
    assert not {rule for rule in mine.plan() if rule.startswith("data_")}
    assert {"negatives_generate", "pretrain_base", "evaluate_run"} <= set(mine.plan())


def test_a_snapshot_with_a_pipeline_of_another_workflow(mine):
    text = (mine.path / "dvc.yaml").read_text()
    (mine.path / "dvc.yaml").write_text(text.replace("- requirements.lock\n", ""))
    refused(mine.nearmiss("versions", "snapshot"), "dvc.yaml does not match", "nearmiss versions pipeline")


def test_commands_are_refused_during_a_run(mine):
    from nearmiss.base.lifetime import held

    with held(mine.path / "state" / "run.lock"):
        refused(mine.nearmiss("versions", "restore"), "another run is active")
        refused(mine.nearmiss("versions", "snapshot"), "another run is active")


def test_commands_are_refused_outside_of_a_checkout(restored, tmp_path):
    away = type(restored)(tmp_path, python=restored.python)
    answer = away.command("nearmiss", "pipeline")
    assert answer.returncode == 2


def test_a_configuration_outside_the_checkout_cannot_be_versioned(restored, tmp_path):
    shutil.copy(restored.path / CONFIG, tmp_path / "elsewhere.yaml")
    answer = restored.nearmiss(
        "versions", "pipeline", "--config", str(tmp_path / "elsewhere.yaml"), "--out", str(tmp_path / "d")
    )
    refused(answer, "inside of the checkout")
    assert not (tmp_path / "d").exists()
