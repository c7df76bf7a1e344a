"""Modification times of results; Snakemake compares only these."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from nearmiss.base.errors import InputError, reason
from nearmiss.base.files import SNAKEMAKE_TIMESTAMP
from nearmiss.base.fingerprint_file import write_fingerprint
from nearmiss.experiment_parts import Fingerprints

# Seconds by which dated files are older than now, so that files written afterwards are newer.
AGE = 60
# Seconds that a file may be ahead of the clock: Snakemake takes longer to start (our choice).
_AHEAD = 2


def moment() -> int:
    """The common time of all results that match the current code and configuration, in nanoseconds."""
    return time.time_ns() - AGE * 10**9


def date_stage(folder: Path, when: int) -> None:
    """Set the time of a stage's folder, its content, and its benchmark files.

    For Snakemake a benchmark file is an output (`logs/<experiment>/<stage>/*.tsv`): a file of an earlier run would make
    the results as old as that run.
    """
    benchmarks = Path("logs") / folder.parent.name / folder.name
    date([folder, *_below(folder), *benchmarks.rglob("*.tsv")], when)


def date_fingerprints(
    folder: Path, today: Fingerprints, when: int, *, stages: Iterable[str], newer: Iterable[str]
) -> None:
    """Write fingerprint files of stages with the time of the results, and those in `newer` with the current time."""
    for name, content in today.items():
        path = folder / f"{name}.json"
        write_fingerprint(path, content)
        if name in newer:
            date([path], time.time_ns())
        elif content["stage"] in stages:
            date([path], when)


def settle(results: Path) -> list[str]:
    """Set times in the future to the present, in the same order; returns a notice, empty if there are none.

    The outputs of a job that reads a file from the future are older than their input. Snakemake treats the job as
    failed and removes them, in every run until that time. The order of times is preserved, so that the same jobs are
    pending. Raises `InputError` if the time of a file cannot be set.
    """
    now = time.time_ns()
    dates = {}
    for path in _compared(results):
        with suppress(FileNotFoundError):  # a job's partial file, which was renamed
            dates[path] = path.lstat().st_mtime_ns
    late = {path: when for path, when in dates.items() if when > now + _AHEAD * 10**9}
    if not late:
        return []
    newest = max((when for path, when in dates.items() if path not in late), default=0)
    moments = sorted(set(late.values()))
    step = max(1000, (now - newest) // (len(moments) + 1))
    for number, then in enumerate(moments, 1):
        date([path for path, when in late.items() if when == then], newest + number * step)
    latest = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moments[-1] / 10**9))
    first = min(late, key=str)
    return [
        f"Files with a time in the future, up to {latest}: {len(late)} (the first: {first}). Their times are set "
        "to the present, in the same order. Check the clocks of this machine and of the machine that wrote them."
    ]


def date(paths: Iterable[Path], when: int) -> None:
    """Set one modification time for files and folders; for a link, that of the link and not of its target."""
    for path in paths:
        try:
            os.utime(path, ns=(when, when), follow_symlinks=False)
        except OSError as error:
            raise InputError(
                f"the time of a result cannot be set: {reason(error)}",
                file=path,
                remedy="only the owner of a file can set its time: change the owner, or use a copy of the results",
            ) from None


def _compared(folder: Path) -> Iterator[Path]:
    """Everything in a folder whose time Snakemake may compare: for an output folder, only its timestamp file."""
    for parent, folders, files in os.walk(folder):
        if SNAKEMAKE_TIMESTAMP in files:
            folders.clear()
        names = [SNAKEMAKE_TIMESTAMP] if SNAKEMAKE_TIMESTAMP in files else [*folders, *files]
        yield from (Path(parent) / name for name in names)


def _below(folder: Path) -> Iterator[Path]:
    """Everything in a folder; links to folders are not followed."""
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent) / name for name in (*folders, *files))
