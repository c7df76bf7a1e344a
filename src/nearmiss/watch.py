"""Progress display while Snakemake runs: a total bar, a bar per job, and a line for each finished job."""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from nearmiss.config import STAGES

_TARGETS = ("default", "all", *STAGES)  # rules that only name what is wanted


@dataclass
class RunState:
    """State of the run, from the events of Snakemake."""

    total: int = 0
    done: int = 0
    jobs: dict[int, str] = field(default_factory=dict)  # job id -> name, of jobs that are not only targets
    failed_logs: list[Path] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def take(self, line: str) -> str | None:
        """Apply one event, a line of JSON; returns what is printed: a notice, or that a job has finished."""
        event = json.loads(line)
        match event["event"]:
            case "notice":
                return event["text"]
            case "run_info":
                self.total = sum(n for rule, n in event["jobs"].items() if rule not in (*_TARGETS, "total"))
            case "job_info" if event["rule_name"] not in _TARGETS:
                words = [event["rule_name"].replace("_", " "), *event["wildcards"].values()]
                self.jobs[event["jobid"]] = " ".join(words)
            case "job_error":
                self.failed_logs += map(Path, event["logs"])
            case "job_finished" if event["jobid"] in self.jobs:
                self.done += 1
                seconds = time.monotonic() - self.started
                return f"[{self.done}/{self.total}] {self.jobs[event['jobid']]} ({seconds:.0f} s since the start)"
        return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def statuses(folder: Path) -> dict[int, dict[str, Any]]:
    """What the living processes that report to `folder` are doing, by process id."""
    found = {}
    for file in sorted(folder.glob("*.json")):
        try:
            status = json.loads(file.read_text(encoding="utf-8"))
            pid = int(status["pid"])
            if _alive(pid) and "job" in status:
                found[pid] = status
        except (OSError, ValueError, KeyError, TypeError, OverflowError):  # half written, or none of ours
            continue
    return found


def lines_of(file: Path, ended: Callable[[], bool]) -> Iterator[str | None]:
    """Complete lines of a growing file, None where there is none at the moment; ends once `ended()` and all is read.

    A line without a line break at the end belongs to a process that was killed, and is left out.
    """
    with file.open(encoding="utf-8", errors="replace") as handle:
        last, line = False, ""
        while True:
            line += handle.readline()
            if line.endswith("\n"):
                yield line
                line = ""
            elif last:
                return
            else:  # nothing, or the beginning of a line
                last = ended()
                yield None


class Board:
    """Bars on a terminal; elsewhere one line for each finished job."""

    def __init__(self, stream: IO[str], folder: Path) -> None:
        quiet = bool(os.environ.get("CI")) or not stream.isatty()
        self.console = Console(file=stream, highlight=False)
        self.folder = folder
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=14),
            MofNCompleteColumn(),
            TextColumn("{task.fields[what]}", markup=False),
            TimeElapsedColumn(),
            console=self.console,
            disable=quiet,
            transient=True,
        )
        self.whole: TaskID | None = None
        self.tasks: dict[int, TaskID] = {}

    def __enter__(self) -> "Board":
        self.bars.start()
        self.whole = self.bars.add_task("reading the workflow", total=None, what="")
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def print(self, line: str) -> None:
        """Print one line above the bars."""
        self.console.print(line, markup=False, soft_wrap=True)

    def refresh(self, state: RunState) -> None:
        """Bring the bars up to date."""
        if self.bars.disable or self.whole is None:
            return
        if state.total:
            self.bars.update(self.whole, description="all jobs", completed=state.done, total=state.total)
        current = statuses(self.folder)
        for pid in [pid for pid in self.tasks if pid not in current]:
            self.bars.remove_task(self.tasks.pop(pid))
        for pid, status in current.items():
            if pid not in self.tasks:
                self.tasks[pid] = self.bars.add_task(status["job"], total=None, what="")
            self.bars.update(
                self.tasks[pid],
                completed=status.get("done", 0),
                total=status.get("total"),
                what=status.get("what", ""),
            )
