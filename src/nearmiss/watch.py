"""Progress display while Snakemake runs: a total bar, a bar per job, and a line for each finished job."""

import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from nearmiss.config import STAGES
from nearmiss.preflight import NOTICE

_RULE = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):$")
_FIELD = re.compile(r"^    (jobid|wildcards|log): (.*)$")
_FINISHED = re.compile(r"^Finished jobid: (\d+) \(Rule: (\w+)\)")
_STEPS = re.compile(r"^(\d+) of (\d+) steps")
_TOTAL = re.compile(r"^total\s+(\d+)$")
_FAILED = re.compile(r"^Error in rule (\w+):")
NOTHING = "Nothing to be done"
_TARGETS = ("default", "all", *STAGES)  # rules that only name what is wanted


@dataclass
class RunState:
    """State of the run, from the output of Snakemake."""

    total: int = 0
    done: int = 0
    nothing: bool = False
    jobs: dict[str, str] = field(default_factory=dict)  # job id -> name
    failed_logs: list[Path] = field(default_factory=list)
    _rule: str = ""
    _wildcards: str = ""
    _failing: bool = False
    _id: str = ""

    def line(self, text: str) -> str | None:
        """Parse one line of Snakemake's output; returns what is shown: a notice, or the name of a finished job."""
        text = text.rstrip("\n")
        if text.startswith(NOTICE):
            return text
        if text.startswith(NOTHING):
            self.nothing = True
        if match := _TOTAL.match(text):
            self.total = int(match[1])
        if match := _RULE.match(text):
            self._rule, self._wildcards, self._failing, self._id = match[1], "", False, ""
        if _FAILED.match(text):
            self._failing = True
        if match := _FIELD.match(text):
            self._take(match[1], match[2])
        if match := _STEPS.match(text):
            self.done, self.total = int(match[1]), int(match[2])
        if (match := _FINISHED.match(text)) and match[2] not in _TARGETS:
            return self.jobs.get(match[1], match[2])
        return None

    def _take(self, name: str, value: str) -> None:
        if name == "log" and self._failing:
            self.failed_logs.append(Path(value.partition(" (")[0]))
        elif self._failing:
            return
        elif name == "jobid":
            self._id = value
        elif name == "wildcards":
            self._wildcards = value
        if self._id:
            words = [self._rule.replace("_", " "), *(part.partition("=")[2] for part in self._wildcards.split(", "))]
            self.jobs[self._id] = " ".join(filter(None, words))


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


def lines_of(log: Path, until: Any) -> Iterator[str | None]:
    """Lines of a growing file, None where there is none at the moment; ends once `until()` holds and all is read."""
    with log.open(encoding="utf-8", errors="replace") as handle:
        ending, line = False, ""
        while True:
            line += handle.readline()
            if line.endswith("\n") or (line and ending):
                yield line
                line = ""
            elif ending:
                return
            else:  # nothing, or the beginning of a line
                ending = until()
                yield None


class Board:
    """Bars on a terminal; elsewhere one line for each finished job."""

    def __init__(self, stream: IO[str], folder: Path) -> None:
        quiet = bool(os.environ.get("CI")) or not stream.isatty()
        self.console = Console(file=stream, highlight=False)
        self.folder = folder
        self.started = time.monotonic()
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

    def say(self, notice: str, state: RunState) -> None:
        """Print a notice, or that a job has finished."""
        if notice.startswith(NOTICE):
            self.console.print(notice.removeprefix(NOTICE), markup=False, soft_wrap=True)
            return
        seconds = time.monotonic() - self.started
        self.console.print(f"[{state.done + 1}/{state.total}] {notice} ({seconds:.0f} s since the start)", markup=False)

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
