"""A copy of the checkout with a substitute for conda first on PATH, with the data of the tiny experiment."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import conda_substitute
import pytest

from checkout import Checkout, copy_checkout


@dataclass(frozen=True)
class CondaCheckout(Checkout):
    """A copy of the checkout whose commands find the substitute."""

    conda: Path

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "PATH": f"{self.conda / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def output(self, *arguments: str) -> str:
        """The output of a successful run of Snakemake."""
        answer = self.snakemake(*arguments)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout + answer.stderr

    def environments(self) -> list[Path]:
        """The environments that exist, by the sign that Snakemake sets when one is complete."""
        return sorted(sign.with_suffix("") for sign in self.path.glob(".snakemake/conda/*.env_setup_done"))

    def jobs_in(self, environment: Path) -> list[dict]:
        """The stages' commands that ran in an environment: its prefix, where `nearmiss` came from, the command."""
        notes = [json.loads(note.read_text()) for note in sorted((environment / "started").iterdir())]
        return [note for note in notes if note["command"][:2] == ["-m", "nearmiss"]]

    def conda_commands(self) -> list[str]:
        """Every command that conda was given."""
        return (self.conda / "asked.txt").read_text().splitlines()


def fresh(root: Path, folder: Path, python: str) -> CondaCheckout:
    """A copy in which nothing has run."""
    conda_substitute.install(folder / "conda")
    return CondaCheckout(copy_checkout(root, folder / "checkout").path, folder / "conda", python=python)


@pytest.fixture(scope="module")
def conda_run(root, tmp_path_factory, python) -> CondaCheckout:
    """A copy in which the target `data` has run with conda."""
    checkout = fresh(root, tmp_path_factory.mktemp("conda"), python)
    checkout.output("--cores", "all", "--use-conda", "--", "data")
    return checkout


@pytest.fixture
def conda_fresh(root, tmp_path, python) -> CondaCheckout:
    """A copy of the test's own in which nothing has run."""
    return fresh(root, tmp_path, python)
