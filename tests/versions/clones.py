"""Throw-away clones of the checkout in which the tiny workflow is the default experiment."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import yaml

from checkout import TINY, Checkout
from nearmiss.config import STAGES, load

CONFIG = "config/config.yaml"
RESULTS = Path("results/tiny")


class Clone(Checkout):
    """A git repository with the workflow, a DVC workspace, and a folder beside it as remote."""

    def environment(self) -> dict[str, str]:
        # as in an activated environment: `dvc repro` calls snakemake by its name
        path = f"{Path(self.python).parent}{os.pathsep}{os.environ['PATH']}"
        return {**super().environment(), "PATH": path, "DVC_NO_ANALYTICS": "1", "OMP_NUM_THREADS": "1"}

    def nearmiss(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.command("nearmiss", *arguments)

    def dvc(self, *arguments: str) -> str:
        answer = self.command("dvc", *arguments)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def git(self, *arguments: str) -> str:
        command = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", *arguments]
        return subprocess.run(command, cwd=self.path, capture_output=True, text=True, check=True).stdout

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def plan(self) -> dict[str, int]:
        """What Snakemake would run here: rule -> number of jobs."""
        return self.planned(config=CONFIG)

    def change(self, **values: object) -> None:
        """Change top-level keys of the configuration."""
        file = self.path / CONFIG
        file.write_text(json.dumps({**yaml.safe_load(file.read_text()), **values}, indent=1))

    def stages(self) -> list[str]:
        """Names of the stages in dvc.yaml."""
        return list(yaml.safe_load((self.path / "dvc.yaml").read_text())["stages"])

    def arms(self) -> dict:
        return yaml.safe_load((self.path / CONFIG).read_text())["arms"]

    def use_remote(self, folder: Path) -> None:
        self.dvc("remote", "add", "--local", "--default", "--force", "store", str(folder))


def new_repository(finished: Checkout, folder: Path) -> Clone:
    """A repository with a finished checkout's files, the tiny experiment as its default, and the dvc.yaml of that."""
    shutil.copytree(finished.path, folder, symlinks=True)
    repository = Clone(folder, python=finished.python)
    tiny = folder / TINY
    values, whole = yaml.safe_load(tiny.read_text()), load(tiny).model_dump(mode="json")
    # Each section is named, so that DVC watches exactly its own section in every stage.
    sections = {name: values.get(name, {}) for name in STAGES}
    values = {**values, "seeds": whole["seeds"], "arms": whole["arms"], **sections}
    (folder / CONFIG).write_text(json.dumps(values, indent=1))
    written = repository.nearmiss("versions", "pipeline")
    assert written.returncode == 0, written.stderr
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    repository.commit("the tiny experiment")
    return repository


def clone(repository: Clone, folder: Path, remote: Path | None) -> Clone:
    """A fresh clone, as somebody has it who never ran anything."""
    subprocess.run(["git", "clone", "--quiet", str(repository.path), str(folder)], check=True)
    copy = Clone(folder, python=repository.python)
    if remote is not None:
        copy.use_remote(remote)
    return copy
