"""Restoring into a checkout that has run before, and dating results that were copied without their times."""

import os
import shutil
import time

import pytest
from clones import CONFIG, RESULTS, Clone

from nearmiss.base.errors import InputError
from nearmiss.versions import dates
from nearmiss.versions.copied import notice


@pytest.fixture
def used(recorded, tmp_path) -> Clone:
    """The checkout in which the recorded run was made, with its logs and Snakemake's own records."""
    shutil.copytree(recorded.path, tmp_path / "used", symlinks=True)
    return Clone(tmp_path / "used", python=recorded.python)


def test_a_restore_into_a_used_checkout_leaves_nothing_to_do(used):
    assert list((used.path / "logs" / "tiny").rglob("*.tsv"))
    shutil.rmtree(used.path / RESULTS / "compare")
    answer = used.nearmiss("versions", "restore")
    assert answer.returncode == 0, answer.stderr
    assert used.plan() == {}


def test_copied_results_are_reported_and_redated(used):
    now = time.time()
    files = sorted((used.path / RESULTS).rglob("*"))
    for number, file in enumerate(reversed(files)):  # each is newer than what is made from it
        os.utime(file, (now - 3600 + number, now - 3600 + number))
    changed = used.path / RESULTS / "evaluate" / "hnc" / "0" / "measurement.json"
    changed.write_text("{}")
    listed = used.command("snakemake", "--nocolor", "--dry-run")
    output = listed.stdout + listed.stderr
    assert "nearmiss versions redate" in output and "nearmiss versions restore" in output
    assert "pretrain_arm" in output
    answer = used.nearmiss("versions", "redate")
    assert answer.returncode == 0, answer.stderr
    assert "evaluate/hnc/0 (differs from its manifest: evaluate/hnc/0/measurement.json)" in answer.stdout
    assert used.plan() == {"evaluate_run": 1, "compare_page": 1, "compare_track": 1}


def test_no_notice_for_results_in_order_and_for_a_clone(recorded, restored):
    from nearmiss.config import load
    from nearmiss.experiment_parts import fingerprints

    for clone in (recorded, restored):
        assert notice(clone.path / RESULTS, fingerprints(load(clone.path / CONFIG), clone.path)) == []


@pytest.fixture
def results(tmp_path):
    """Five files, one of them in a folder that is an output of Snakemake's; the last two are of the past."""
    folder = tmp_path / "results"
    (folder / "images").mkdir(parents=True)
    for name in ("images/.snakemake_timestamp", "images/1.png", "a", "b", "c"):
        (folder / name).touch()
    return folder


def set_times(folder, **hours):
    now = time.time_ns()
    for name, hour in hours.items():
        os.utime(folder / name, ns=(now, now + int(hour * 3600 * 10**9)))


def test_times_in_the_future_are_set_to_the_present_in_the_same_order(results):
    set_times(results, a=5, b=2, c=-1)
    (line,) = dates.settle(results)
    assert "2 (the first: " in line and str(results / "a") in line
    times = [(results / name).stat().st_mtime_ns for name in "cba"]
    assert times == sorted(set(times))
    assert times[-1] <= time.time_ns()
    assert dates.settle(results) == []


def test_equal_times_in_the_future_stay_equal(results):
    set_times(results, a=2, b=2, c=3)
    dates.settle(results)
    a, b, c = ((results / name).stat().st_mtime_ns for name in "abc")
    assert a == b < c


def test_only_the_timestamp_file_of_an_output_folder_is_compared(results):
    set_times(results, **{"images/1.png": 2})
    assert dates.settle(results) == []
    set_times(results, **{"images/.snakemake_timestamp": 2})
    assert len(dates.settle(results)) == 1


def test_the_time_of_a_link_is_set_and_not_that_of_its_target(results, tmp_path):
    outside = tmp_path / "mine"
    outside.touch()
    before = outside.stat().st_mtime_ns
    (results / "link").symlink_to(outside)
    (results / "folder").symlink_to(tmp_path)
    dates.date_stage(results, dates.moment())
    assert outside.stat().st_mtime_ns == before


def test_a_file_whose_time_cannot_be_set_is_named(results, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    with pytest.raises(InputError, match="operation not permitted") as caught:
        dates.date([results / "a"], 0)
    assert caught.value.file == results / "a"
