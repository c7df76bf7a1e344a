"""Checkouts in folders with awkward names: the workflow is read, and jobs run this checkout's package."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

from checkout import Checkout

AWKWARD = "{v2} what? 'x' \"y\" #1 100%25 $HOME a\\b ünï"


def test_a_renamed_checkout_has_nothing_to_do(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / AWKWARD / "checkout", symlinks=True)
    assert Checkout(tmp_path / AWKWARD / "checkout", python=finished.python).planned() == {}


def test_snakemake_refuses_an_unsupported_checkout_path(finished, tmp_path):
    shutil.copytree(finished.path / "workflow", tmp_path / "a:b" / "workflow")
    shutil.copytree(finished.path / "src", tmp_path / "a:b" / "src")
    for name in ("Snakefile", "config"):
        (tmp_path / "a:b" / name).symlink_to(finished.path / name)
    answer = Checkout(tmp_path / "a:b", python=finished.python).command("snakemake", "--nocolor", "--dry-run")
    output = answer.stdout + answer.stderr
    assert answer.returncode != 0
    assert "the path has a colon" in output and "remedy" in output and "Traceback" not in output


@pytest.mark.parametrize("conda", [False, True])
def test_a_job_imports_the_package_of_its_checkout(root, tmp_path, monkeypatch, conda):
    spec = importlib.util.spec_from_file_location("workflow_environment", root / "workflow" / "environment.py")
    environment = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(environment)
    monkeypatch.setattr(environment, "SOURCE", tmp_path / AWKWARD / "src")
    prefix = environment.shell_prefix(conda).format()  # as Snakemake formats a command
    printed = subprocess.run(
        ["bash", "-c", f"{prefix} printenv PYTHONPATH"], capture_output=True, text=True, check=True
    )
    assert Path(printed.stdout.rstrip("\n")) == tmp_path / AWKWARD / "src"
