"""Where the page comes from: commit, dates, machines, versions, cost of each stage, and how to make it again.

Dates are those of the inputs and of the commit, never that of the page, so that equal inputs give equal bytes.
"""

import subprocess
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss import __version__
from nearmiss.base.tracking import digest
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.runs import Evaluation, Finetuning, Robustness, Training

STAGES = ("data", "negatives", "inpaint", "pretrain", "finetune", "evaluate", "robustness")
CITATION = f"""@software{{nearmiss,
  title   = {{nearmiss: reproducible experiments on hard negatives for fine-grained vision-language understanding}},
  author  = {{{{The nearmiss maintainers}}}},
  version = {{{__version__}}},
}}"""


@cache
def commit() -> tuple[str, str] | None:
    """Hash and date of the commit of the checkout that this code is in; None outside of a checkout.

    The date ends with "with changes" if files of the package differ from the commit.
    """
    package = Path(__file__).parents[2]

    def git(*words: str) -> str | None:
        line = ["git", "-C", str(package), *words]
        try:
            found = subprocess.run(line, capture_output=True, text=True, timeout=20, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return found.stdout.strip() if found.returncode == 0 else None

    if git("ls-files", "--error-unmatch", "__init__.py") is None:  # a checkout of another project
        return None
    known = git("show", "--no-patch", "--format=%H %cs", "HEAD")
    if not known:
        return None
    name, _, date = known.partition(" ")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".")
    return name[:12], f"{date}, with changes" if changed else date


def terms(report: Report) -> list[tuple[str, str]]:
    """Pairs of a term and its text; terms that the inputs do not state are omitted."""
    runs = report.runs
    every: list[Training | Evaluation | Finetuning | Robustness] = [
        *runs.trainings,
        *runs.evaluations,
        *runs.finetunings,
        *runs.robustnesses,
    ]
    costs = [one.cost for one in every]
    dates = sorted(str(cost["ended"]) for cost in costs if cost.get("ended"))
    found = commit()
    seconds = report.costs["seconds"].drop_nulls().to_list()
    cpu = report.costs["cpu_seconds"].drop_nulls().to_list()
    return [
        (term, text)
        for term, text in (
            ("experiment", report.experiment),
            ("commit", "" if found is None else f"{found[0]} of {found[1]}"),
            ("runs finished", "" if not dates else f"{dates[0]} to {dates[-1]}" if dates[0] != dates[-1] else dates[0]),
            ("machine", "; ".join(Counter(str(cost["machine"]) for cost in costs if cost.get("machine")))),
            ("devices", ", ".join(Counter(str(cost["device"]) for cost in costs if cost.get("device")))),
            ("configuration", _configurations(one.manifest for one in every)),
            ("packages", _locks(one.manifest for one in every)),
            (
                "total cost",
                f"{hours(sum(seconds))} in {len(seconds)} jobs, {hours(sum(cpu))} of CPU time" if seconds else "",
            ),
            ("make it again", _command(report)),
        )
        if text
    ]


def _command(report: Report) -> str:
    """How an experiment is made again. The file's name is no input, so that each way to start a run gives this page."""
    if not report.runs.trainings:
        return ""
    return f"nearmiss run --config FILE, where FILE is the configuration of experiment {report.experiment}"


def stage_costs(costs: pl.DataFrame) -> list[dict[str, str]]:
    """One row per stage in the order of the workflow: jobs, wall and CPU time, largest memory of a job, in MB."""
    rows = []
    for stage in STAGES:
        mine = costs.filter(stage=stage)
        if mine.is_empty():
            continue
        memory = [value for value in mine["peak_memory"].to_list() if value is not None]
        rows.append(
            {
                "stage": stage,
                "jobs": f"{mine.height:,}",
                "seconds": f"{sum(mine['seconds'].drop_nulls().to_list()):,.0f}",
                "cpu": f"{sum(mine['cpu_seconds'].drop_nulls().to_list()):,.0f}",
                "memory": f"{max(memory) / 1e6:,.0f}" if memory else "",
            }
        )
    return rows


def hours(seconds: float) -> str:
    """A duration as hours, minutes or seconds."""
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _fingerprints(manifests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [manifest["fingerprint"] for manifest in manifests if manifest.get("fingerprint")]


def _configurations(manifests: Iterable[dict[str, Any]]) -> str:
    """A hash of the configurations of all runs: equal for equal configurations."""
    found = sorted(digest(each.get("config")) for each in _fingerprints(manifests))
    return f"hash {digest(found)} over {len(found)} runs; their manifest.json have the values" if found else ""


def _locks(manifests: Iterable[dict[str, Any]]) -> str:
    found = Counter(str(each.get("lock")) for each in _fingerprints(manifests))
    return ", ".join(f"requirements.lock {lock[:12]}" for lock in found)
