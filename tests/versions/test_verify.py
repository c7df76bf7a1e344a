"""A re-run against recorded results: data byte for byte, metrics within their intervals, and why they may differ."""

import json
import shutil

import polars as pl
import pytest
from clones import RESULTS

from nearmiss.base.files import folder_sha256, sha256, write_json
from nearmiss.base.tables import SCHEMAS, write_table
from nearmiss.versions.intervals import agreement
from nearmiss.versions.parts import in_folder
from nearmiss.versions.verify import findings

ROW = {
    "model": "m",
    "arm": "clip",
    "seed": 0,
    "stage": "evaluate",
    "benchmark": "world",
    "subset": "2x2",
    "metric": "accuracy",
    "value": 0.5,
    "low": 0.4,
    "high": 0.6,
    "n_scored": 10,
    "n_expected": 10,
}
FINGERPRINTS = {"stage": "evaluate", "config": {"threads": 1}, "code": "c", "lock": "l"}


def table(path, *rows):
    full = [{name: row.get(name) for name in SCHEMAS["metrics"].names()} for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_table(pl.DataFrame(full, schema=SCHEMAS["metrics"]), path, "metrics")
    return path


def part(folder, fingerprint=FINGERPRINTS, cost=None, versions=None):
    """Write the manifest and the cost beside a part's files."""
    names = [file.name for file in sorted(folder.iterdir()) if file.name not in ("manifest.json", "cost.json")]
    outputs = {
        name: folder_sha256(folder / name) if (folder / name).is_dir() else sha256(folder / name) for name in names
    }
    write_json(folder / "cost.json", cost or {"seconds": 1.0, "device": "cpu"})
    content = {"fingerprint": fingerprint, "inputs": {}, "outputs": outputs, "versions": versions or {"torch": "1"}}
    write_json(folder / "manifest.json", content)


@pytest.fixture
def two(tmp_path):
    """Two equal sets of results: one part of data, one training, one evaluation."""
    for name in ("there", "here"):
        results = tmp_path / name
        (results / "data" / "tables").mkdir(parents=True)
        (results / "data" / "tables" / "captions.parquet").write_bytes(b"captions")
        part(results / "data")
        (results / "pretrain" / "clip" / "0").mkdir(parents=True)
        (results / "pretrain" / "clip" / "0" / "curve.jsonl").write_text("{}\n")
        part(results / "pretrain" / "clip" / "0")
        table(results / "evaluate" / "clip" / "0" / "metrics.parquet", ROW)
        part(results / "evaluate" / "clip" / "0")
    return tmp_path / "there", tmp_path / "here"


def report_of(two):
    there, here = (in_folder(folder, ["data", "pretrain", "evaluate"]) for folder in two)
    return {one.part: one for one in findings(there, here)}


def test_equal_results_agree(two):
    assert {(one.holds, one.text) for one in report_of(two).values()} == {(True, "the same bytes")}


def test_costs_are_not_compared(two):
    write_json(two[1] / "data" / "cost.json", {"seconds": 9.0})
    assert report_of(two)["data"].text == "the same bytes"


def test_one_changed_byte_of_data_is_a_difference(two):
    (two[1] / "data" / "tables" / "captions.parquet").write_bytes(b"Captions")
    part(two[1] / "data", versions={"torch": "2"})
    found = report_of(two)["data"]
    assert not found.holds
    assert found.details == ["tables/captions.parquet", "why: torch 1 there, 2 here"]


def test_training_may_differ_in_bits_and_the_reason_is_given(two):
    folder = two[1] / "pretrain" / "clip" / "0"
    (folder / "curve.jsonl").write_text('{"step": 1}\n')
    part(folder, fingerprint={**FINGERPRINTS, "config": {"threads": 2}}, cost={"device": "cuda"})
    found = report_of(two)["pretrain/clip/0"]
    assert found.holds
    assert found.details == ["why: another configuration (threads)", "why: device cpu there, cuda here"]


def test_without_other_differences_the_machine_is_the_reason(two):
    folder = two[1] / "pretrain" / "clip" / "0"
    (folder / "curve.jsonl").write_text('{"step": 1}\n')
    part(folder)
    assert "another processor" in report_of(two)["pretrain/clip/0"].details[0]


@pytest.mark.parametrize(("value", "holds"), [(0.59, True), (0.41, True), (0.95, False)])
def test_a_metric_must_be_within_its_interval(two, value, holds):
    folder = two[1] / "evaluate" / "clip" / "0"
    table(folder / "metrics.parquet", {**ROW, "value": value, "low": value - 0.01, "high": value + 0.01})
    part(folder)
    found = report_of(two)["evaluate/clip/0"]
    assert found.holds == holds
    assert ("0.950" in "".join(found.details)) == (not holds)


def test_an_edited_result_is_a_difference(two):
    (two[1] / "pretrain" / "clip" / "0" / "curve.jsonl").write_text("changed")
    found = report_of(two)["pretrain/clip/0"]
    assert not found.holds
    assert "differs from its manifest" in found.text


def test_a_missing_part_is_a_difference_and_a_new_one_is_not(two):
    shutil.move(two[1] / "pretrain" / "clip", two[1] / "pretrain" / "random")
    found = report_of(two)
    assert not found["pretrain/clip/0"].holds
    assert found["pretrain/random/0"].holds


def test_values_agree_if_one_is_in_the_interval_of_the_other(tmp_path):
    one = table(tmp_path / "one.parquet", {**ROW, "value": 1.0, "low": 1.0, "high": 1.0})
    other = table(tmp_path / "other.parquet", {**ROW, "value": 0.98, "low": 0.94, "high": 1.0})
    assert agreement(one, other).holds and agreement(other, one).holds


def test_other_items_and_other_rows_are_differences(tmp_path):
    one = table(tmp_path / "one.parquet", ROW, {**ROW, "subset": "1x2"})
    fewer = table(tmp_path / "fewer.parquet", ROW)
    other = table(tmp_path / "other.parquet", {**ROW, "n_scored": 9}, {**ROW, "subset": "1x2"})
    assert agreement(one, fewer).missing == agreement(fewer, one).missing == ["clip/0/world/1x2/accuracy"]
    assert agreement(one, other).missing == ["clip/0/world/2x2/accuracy"]
    assert not agreement(one, other).holds


def test_a_value_without_an_interval_is_only_counted(tmp_path):
    one = table(tmp_path / "one.parquet", {**ROW, "low": None, "high": None})
    other = table(tmp_path / "other.parquet", {**ROW, "value": 0.9, "low": None, "high": None})
    found = agreement(one, other)
    assert (found.different, found.without_interval, found.holds) == (1, 1, True)


def test_restored_results_agree_with_the_snapshot(restored):
    answer = restored.nearmiss("versions", "verify")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "all agree" in answer.stdout
    assert "DIFFERS" not in answer.stdout


def test_a_changed_data_file_ends_with_status_1(mine, restored):
    folder = mine.path / RESULTS / "negatives" / "keyword"
    (folder / "summary.json").write_text("{}")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["outputs"]["summary.json"] = sha256(folder / "summary.json")
    write_json(folder / "manifest.json", manifest)
    for against in ("HEAD", str(restored.path / RESULTS)):
        answer = mine.nearmiss("versions", "verify", "--against", against)
        assert answer.returncode == 1, answer.stderr
        assert "DIFFERS  negatives/keyword: 1 data files differ" in answer.stdout


@pytest.mark.parametrize("against", ["no-such-revision", "HEAD~1"])
def test_a_revision_without_a_snapshot_is_refused(restored, against):
    answer = restored.nearmiss("versions", "verify", "--against", against)
    assert answer.returncode == 2
    assert "neither a folder nor a revision with a dvc.lock" in answer.stderr and "remedy" in answer.stderr
