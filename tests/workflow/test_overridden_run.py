"""`--set` reaches the workflow that Snakemake reads: its fingerprints are those of an edited file."""

import pytest

from checkout import Checkout, copy_checkout
from nearmiss.base.files import read_json


@pytest.fixture
def fresh(root, tmp_path, python) -> Checkout:
    return copy_checkout(root, tmp_path / "checkout", python)


def test_an_override_changes_the_fingerprints_that_the_jobs_read(fresh):
    assert fresh.planned("--config", "set=pretrain.continued.steps=5&seeds=[0,1]")["pretrain_arm"] == 6
    fingerprints = fresh.results() / "fingerprint" / "pretrain"
    assert read_json(fingerprints / "clip.json")["config"]["shared"]["continued"]["steps"] == 5
    answer = fresh.snakemake("--dry-run", "--config", "set=pretrain.continued.stepz=5")
    output = answer.stdout + answer.stderr
    assert answer.returncode and "did you mean 'steps'" in output and "Traceback" not in output
