"""Modification times of results, which are all that Snakemake compares."""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from nearmiss.base.errors import InputError
from nearmiss.base.identity import write_identity
from nearmiss.identities import Identities

# Seconds by which dated files are older than now, so that whatever is written afterwards is newer.
AGE = 60


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


def date_identities(folder: Path, today: Identities, when: int, *, stages: Iterable[str], newer: Iterable[str]) -> None:
    """Write today's identity files of some stages with the time of the results, and those in `newer` with today's."""
    for name, content in today.items():
        path = folder / f"{name}.json"
        write_identity(path, content)
        if name in newer:
            date([path], time.time_ns())
        elif content["stage"] in stages:
            date([path], when)


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


def _below(folder: Path) -> Iterator[Path]:
    """Everything in a folder; links to folders are not followed."""
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent) / name for name in (*folders, *files))
