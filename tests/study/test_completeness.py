"""A study that lacks a run, or has one that was made otherwise, is incomplete, and each reason is named."""

import shutil

import pytest
import runs_on_disk

from nearmiss.base.files import read_json, write_json
from nearmiss.study.completeness import gaps


@pytest.fixture
def small(tmp_path):
    """The study's experiment and its complete results."""
    experiment = runs_on_disk.experiment()
    return experiment, runs_on_disk.write(tmp_path / "results", experiment)


def problems(small):
    experiment, results = small
    return [str(gap) for gap in gaps(experiment, experiment.compare.study, results, runs_on_disk.today(experiment))]


def changed(results, run, name, change):
    """Change a JSON file of a run in place."""
    file = results / "small" / run / name
    content = read_json(file)
    change(content)
    write_json(file, content)


def test_complete_runs_of_this_configuration_and_code_have_no_problem(small):
    assert problems(small) == []


def test_a_missing_seed_is_named_with_its_stage(small):
    shutil.rmtree(small[1] / "small" / "evaluate" / "hnc" / "2")
    shutil.rmtree(small[1] / "small" / "pretrain" / "base" / "3")
    assert problems(small) == ["base/3: no output of stage pretrain", "hnc/2: no output of stage evaluate"]


def test_a_run_of_another_configuration_is_named_with_its_keys(small):
    def slower(content):
        content["fingerprint"]["config"]["arm"]["image_lr"] = 9.0

    changed(small[1], "pretrain/clip/1", "manifest.json", slower)
    assert problems(small) == ["clip/1: stage pretrain has another configuration: arm.image_lr"]


def test_a_run_of_another_commit_or_of_other_packages_is_named(small):
    def older(content):
        content["fingerprint"] |= {"code": "older", "lock": "older"}

    changed(small[1], "evaluate/hnc/0", "manifest.json", older)
    found = problems(small)
    assert found[0].startswith("hnc/0: stage evaluate was run by another commit") and "packages" in found[1]


def test_data_or_negatives_that_were_made_otherwise_are_named(small):
    changed(small[1], "data", "manifest.json", lambda content: content["fingerprint"].update(code="older"))
    (small[1] / "small" / "negatives" / "scene_graph" / "manifest.json").unlink()
    first, second = problems(small)
    assert first.startswith("data: stage data was run by another commit")
    assert second == "negatives/scene_graph: no output of stage negatives"


def test_an_evaluation_of_another_checkpoint_is_named(small):
    changed(small[1], "evaluate/hnc/0", "manifest.json", lambda content: content["inputs"].update(checkpoint="other"))
    assert problems(small) == ["hnc/0: the evaluated checkpoint is not that of the training"]


def test_a_run_outside_of_the_workflow_is_named(small):
    changed(small[1], "evaluate/hnc/0", "manifest.json", lambda content: content.update(fingerprint=None))
    assert problems(small) == ["hnc/0: stage evaluate was run without a fingerprint, outside of the workflow"]


def test_a_control_without_its_arm_and_an_arm_without_its_control_are_named(small):
    shutil.rmtree(small[1] / "small" / "evaluate" / "hnc")
    found = problems(small)
    assert "clip: a control whose arm has no run" in found and len(found) == 6
    shutil.copytree(small[1] / "small" / "evaluate" / "base", small[1] / "small" / "evaluate" / "hnc")
    shutil.rmtree(small[1] / "small" / "evaluate" / "clip")
    assert "hnc: its control 'clip' has no run" in problems(small)


def test_a_run_that_is_not_in_the_configuration_is_named(small):
    evaluated = small[1] / "small" / "evaluate" / "hnc"
    shutil.copytree(evaluated / "0", evaluated / "4")
    assert problems(small) == ["hnc/4: evaluated, but no run of the configuration"]


def test_unequal_compute_is_named_with_its_share(small):
    changed(small[1], "pretrain/clip_compute/2", "cost.json", lambda content: content.update(flops=8e12))
    (found,) = problems(small)
    assert found.startswith("clip_compute/2: 0.889 of the FLOPs of 'hnc'") and "nearmiss study steps" in found
