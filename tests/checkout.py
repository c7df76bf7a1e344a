"""Copies of the checkout in which the workflow may be run."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from nearmiss.base.lifetime import PARENT
from nearmiss.base.progress import FOLDER

TINY = "tests/tiny.yaml"
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # what the tests set for themselves
_STATISTICS = re.compile(r"^(\w+) +(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Checkout:
    """A copy of the checkout in which the workflow may be run."""

    path: Path
    python: str = field(default=sys.executable, kw_only=True)
    """The interpreter of its commands, and of the commands that these start."""

    def environment(self) -> dict[str, str]:
        apart = (PARENT, FOLDER, *ONE_THREAD, "PYTHONDONTWRITEBYTECODE")  # each process would compile all modules
        kept = {name: value for name, value in os.environ.items() if name not in apart}
        return {**kept, "PYTHONPATH": str(self.path / "src")}

    def command(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [self.python, "-m", *arguments],
            cwd=self.path,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, *arguments: str, config: str = TINY) -> subprocess.CompletedProcess:
        """`nearmiss run`."""
        return self.command("nearmiss", "run", "--config", config, *arguments)

    def snakemake(self, *arguments: str, config: str = TINY) -> subprocess.CompletedProcess:
        return self.command("snakemake", "--nocolor", "--configfile", config, *arguments)

    def planned(self, *targets: str, config: str = TINY) -> dict[str, int]:
        """What Snakemake would do: rule -> number of jobs."""
        answer = self.snakemake("--dry-run", *targets, config=config)
        output = answer.stdout + answer.stderr
        assert answer.returncode == 0, output
        table = output.partition("Job stats:")[2].partition("\n\n")[0]
        return {rule: int(count) for rule, count in _STATISTICS.findall(table) if rule not in ("total", "default")}

    def results(self) -> Path:
        return self.path / "results" / "tiny"

    def append(self, file: str, text: str = "\nPLANTED = 1\n") -> None:
        """Add to a file, by default a line that changes its syntax tree."""
        with (self.path / file).open("a", encoding="utf-8") as handle:
            handle.write(text)

    def configure(self, **changes: object) -> str:
        """A configuration like the tiny one with top-level keys changed; its name in the copy."""
        values = yaml.safe_load((self.path / TINY).read_text())
        (self.path / "changed.yaml").write_text(json.dumps({**values, **changes}))
        return "changed.yaml"


def copy_checkout(root: Path, target: Path, python: str = sys.executable) -> Checkout:
    """All files that git tracks or does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)
    return Checkout(target, python=python)
