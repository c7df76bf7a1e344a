"""The workflow of an experiment: its stages, their rules, output files and dependencies."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from nearmiss.base.errors import InputError
from nearmiss.child_environment import run_captured
from nearmiss.config import STAGES, load
from nearmiss.preflight import check_checkout

DEFAULT_CONFIG = Path("config/config.yaml")
_STATISTICS = re.compile(r"^(\w+) +(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class DagStage:
    """One stage of the workflow: names of its rules and of the stages it reads, and its files, relative and sorted."""

    name: str
    rules: tuple[str, ...]
    files: tuple[str, ...]
    predecessors: tuple[str, ...]


@dataclass(frozen=True)
class Dag:
    """The workflow of one experiment; stages in the order of the workflow, without those that have no job."""

    experiment: str
    stages: dict[str, DagStage]

    @property
    def results(self) -> Path:
        """Folder of the experiment's results, relative to the checkout."""
        return Path("results") / self.experiment

    @property
    def files(self) -> list[str]:
        """All output files and folders of the workflow, relative to the results and sorted."""
        return sorted(file for stage in self.stages.values() for file in stage.files)


def configured(config: Path) -> list[str]:
    """The Snakemake arguments of a configuration; none for the default one."""
    return [] if Path(config) == DEFAULT_CONFIG else ["--configfile", Path(config).as_posix()]


def query(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this environment's Snakemake in the checkout's root folder; the caller checks the status."""
    check_checkout()
    return run_captured([sys.executable, "-m", "snakemake", "--nocolor", *configured(config), *arguments])


def snakemake(config: Path, *arguments: str) -> str:
    """Query Snakemake about the workflow, without running it, and return the output.

    Raises `InputError` if Snakemake cannot read the workflow.
    """
    result = query(config, *arguments)
    if result.returncode:
        output = "\n  ".join((result.stderr or result.stdout).strip().splitlines()[-8:])
        raise InputError(
            f"Snakemake cannot read the workflow:\n  {output}",
            file="Snakefile",
            remedy=f"see the output of `snakemake --dry-run {' '.join(configured(config))}`",
        )
    return result.stdout + (result.stderr if "--dry-run" in arguments else "")


def read(config: Path) -> Dag:
    """Read the workflow of the experiment in `config`."""
    rules, files = outputs(config)
    graph = json.loads(snakemake(config, "--forceall", "--d3dag"))
    stage_of = {rule: stage for stage, names in rules.items() for rule in names}
    stage_of_job = {node["id"]: stage_of.get(node["value"]["rule"]) for node in graph["nodes"]}
    needs: dict[str, set[str]] = {stage: set() for stage in rules}
    for edge in graph["edges"]:
        before, after = stage_of_job[edge["u"]], stage_of_job[edge["v"]]
        if before is not None and after is not None and before != after:
            needs[after].add(before)
    return Dag(
        load(config).experiment,
        {
            stage: DagStage(
                stage,
                tuple(sorted(rules[stage])),
                tuple(sorted(files[stage])),
                tuple(other for other in STAGES if other in needs[stage]),
            )
            for stage in STAGES
            if stage in rules
        },
    )


def outputs(config: Path) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """stage -> its rules, and stage -> its files relative to the results, as Snakemake's summary lists them.

    Its inputs are those of past runs, so that a new clone has none: dependencies are read from the graph of jobs
    instead.
    """
    results = f"results/{load(config).experiment}/"
    rules: dict[str, set[str]] = {}
    files: dict[str, set[str]] = {}
    for line in snakemake(config, "--summary").splitlines()[1:]:
        file, _, rule, *_ = line.split("\t")
        if rule == "download":
            continue  # receipts are stored with the downloaded files, which are inputs
        stage = file.removeprefix(results).partition("/")[0]
        if not file.startswith(results) or stage not in STAGES:
            raise InputError(
                f"rule {rule} writes outside of the stages' folders",
                file=file,
                remedy=f"write its output below {results}<stage>/",
            )
        rules.setdefault(stage, set()).add(rule)
        files.setdefault(stage, set()).add(file.removeprefix(results))
    return rules, files


def files(config: Path) -> list[str]:
    """All output files and folders of the workflow, relative to the results and sorted."""
    return sorted(file for made in outputs(config)[1].values() for file in made)


def parts(made: list[str]) -> list[str]:
    """Folders with a manifest among the outputs of the workflow: `data`, `pretrain/clip/0`."""
    return [file.removesuffix("/manifest.json") for file in made if file.endswith("/manifest.json")]


def forget(config: Path, files: list[str]) -> None:
    """Remove Snakemake's records of how some files were created; they were restored or verified since."""
    records = Path(".snakemake/metadata")
    if records.is_dir() and any(records.iterdir()):
        query(config, "--cleanup-metadata", *files)


def planned(config: Path) -> dict[str, int]:
    """The pending jobs of Snakemake: rule -> number of jobs; empty if there is nothing to be done."""
    table = snakemake(config, "--dry-run").partition("Job stats:")[2].partition("\n\n")[0]
    found = {rule: int(count) for rule, count in _STATISTICS.findall(table)}
    return {rule: count for rule, count in found.items() if rule not in ("total", "default")}
