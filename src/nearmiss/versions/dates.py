"""Modification times of results, which are all that Snakemake compares."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from nearmiss.base.errors import InputError
from nearmiss.base.files import SNAKEMAKE_TIMESTAMP
from nearmiss.base.fingerprint import write_fingerprint
from nearmiss.experiment_parts import Fingerprints

# Seconds by which dated files are older than now, so that whatever is written afterwards is newer.
AGE = 60
# Seconds that a file may be dated ahead of the clock: Snakemake takes longer to start (our choice).
_AHEAD = 2


def moment() -> int:
    """The one time of all results that agree with today's code and configuration, in nanoseconds."""
    return time.time_ns() - AGE * 10**9


def date_stage(folder: Path, when: int) -> None:
    """Date a stage's folder, everything in it, and its benchmark files.

    Snakemake takes a benchmark file for an output (`logs/<experiment>/<stage>/*.tsv`): one that an earlier run has
    left would make the results as old as that run.
    """
    benchmarks = Path("logs") / folder.parent.name / folder.name
    date([folder, *_below(folder), *benchmarks.rglob("*.tsv")], when)


def date_fingerprints(
    folder: Path, today: Fingerprints, when: int, *, stages: Iterable[str], newer: Iterable[str]
) -> None:
    """Write fingerprint files of stages with the time of the results, and those in `newer` with the time of today."""
    for name, content in today.items():
        path = folder / f"{name}.json"
        write_fingerprint(path, content)
        if name in newer:
            date([path], time.time_ns())
        elif content["stage"] in stages:
            date([path], when)


def settle(results: Path) -> list[str]:
    """Date now what is dated in the future, in the same order; lines that say so, none where nothing is.

    A job that reads a file of tomorrow makes outputs that are older than their input. Snakemake takes it for failed and
    removes them, in every run until tomorrow. In the new order of times nothing comes before or after anything else
    than in the old one, so that the same jobs are due. Raises `InputError` where a file cannot be dated.
    """
    now = time.time_ns()
    dates = {}
    for path in _compared(results):
        with suppress(FileNotFoundError):  # a job's partial file, which has its name by now
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
        f"Files dated in the future, up to {latest}: {len(late)} (the first: {first}). They are dated now, in the same "
        "order. Check this machine's clock, and that of the machine that they come from."
    ]


def date(paths: Iterable[Path], when: int) -> None:
    """Give files and folders one modification time; a link is dated itself, never what it points to."""
    for path in paths:
        try:
            os.utime(path, ns=(when, when), follow_symlinks=False)
        except OSError as error:
            raise InputError(
                f"a result cannot be dated: {error.strerror}",
                file=path,
                remedy="only the owner of a file can date it: change the owner, or copy the results and use the copy",
            ) from None


def _compared(folder: Path) -> Iterator[Path]:
    """Everything in a folder whose time Snakemake may look at: of a folder that is an output, its mark alone."""
    for parent, folders, files in os.walk(folder):
        if SNAKEMAKE_TIMESTAMP in files:
            folders.clear()
        names = [SNAKEMAKE_TIMESTAMP] if SNAKEMAKE_TIMESTAMP in files else [*folders, *files]
        yield from (Path(parent) / name for name in names)


def _below(folder: Path) -> Iterator[Path]:
    """Everything in a folder; links to folders are not followed."""
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent) / name for name in (*folders, *files))
