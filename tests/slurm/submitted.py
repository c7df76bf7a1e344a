"""Workflows that run on the cluster, and what is compared of their results."""

import subprocess
from pathlib import Path

from slurm_cluster import Cluster

from checkout import TINY, Checkout

# What profiles/slurm leaves to the cluster: this one has no accounting, and its jobs are short.
HERE = (
    *("--slurm-no-account", "--slurm-status-command", "squeue", "--max-threads", "2", "--jobs", "4"),
    *("--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"),
)


class Submitted:
    """A workflow whose jobs go through sbatch, started and not yet awaited."""

    def __init__(self, checkout: Checkout, cluster: Cluster, *targets: str, config: str = TINY) -> None:
        self.checkout, self.log = checkout, checkout.path / "driver.log"
        command = [checkout.python, "-m", "snakemake", "--nocolor", "--profile", "profiles/slurm", *HERE]
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [*command, "--configfile", config, "--", *targets] if targets else [*command, "--configfile", config],
                cwd=checkout.path,
                env={**checkout.environment(), **cluster.environment()},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def text(self) -> str:
        return self.log.read_text()

    def wait(self) -> None:
        assert self.process.wait() == 0, self.text()[-6000:]


def manifests(checkout: Checkout, below: str = "") -> dict[str, str]:
    """The text of each manifest: hashes of the configuration, the code, the inputs and the outputs of a job."""
    folder: Path = checkout.results() / below
    return {file.relative_to(folder).as_posix(): file.read_text() for file in sorted(folder.rglob("manifest.json"))}
