"""`nearmiss run`: the whole workflow under a lock, with progress, and what came of it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table

from nearmiss import preflight
from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.lifetime import PARENT, held, take
from nearmiss.base.progress import FOLDER
from nearmiss.child_environment import child_environment, run_captured
from nearmiss.config import STAGES, Experiment, load
from nearmiss.downloads import check_downloads, needed_downloads
from nearmiss.overrides import WORKFLOW_KEY, as_one_word, parse_overrides
from nearmiss.stages.inpaint.config import check_packages
from nearmiss.watch import Board, RunState, lines_of

STORE = Path("results/mlflow.db")
PROGRESS = Path("state/.progress")
"""Where jobs say how far they are; nobody but the driver that holds the lock uses it."""
GRACE = 20.0
"""Seconds that Snakemake and its jobs have to end before they are killed (our choice)."""


def run(
    *,
    config: Path,
    overrides: Sequence[str] = (),
    quick: bool = False,
    cores: str = "all",
    stage: str | None = None,
) -> int:
    """Run an experiment's workflow in this checkout and print its results; returns the exit status.

    Raises `InputError` before any job starts: for a wrong configuration, a checkout that cannot work (its path, its
    rights), and where another run is under way here.
    """
    preflight.check_checkout()
    experiment = load(config, {"quick": True} if quick else None, parse_overrides(overrides))
    check_packages(experiment.inpaint.operations)
    check_downloads(experiment, needed_downloads(experiment))
    if cores != "all" and (not cores.isdecimal() or int(cores) == 0):
        raise InputError(
            f"'{cores}' is no number of cores", remedy="give a whole number of 1 or more, or all (--cores)"
        )
    results, logs = (Path(folder) / experiment.experiment for folder in ("results", "logs"))
    preflight.check_writable(Path("state"), logs, results, Path(".snakemake"))
    preflight.check_access(results)
    with held(Path("state/run.lock")) as mine:
        if not mine or not _nobody_drives():
            raise InputError(
                "another run is under way in this checkout",
                file=Path.cwd(),
                remedy="wait for it, or stop it; a run that was killed leaves nothing to clean up",
            )
        # An option's value that begins with a hyphen would be read as an option.
        named = f"./{config}" if str(config).startswith("-") else str(config)
        changes = ["quick=true"] if quick else []
        changes += [f"{WORKFLOW_KEY}={as_one_word(overrides)}"] if overrides else []
        asked = ["--configfile", named, *(["--config", *changes] if changes else [])]
        _unlock(asked)
        status = _snakemake(experiment, ["--cores", cores, *asked, *(["--", stage] if stage else [])])
        if status == 0 and stage in (None, "compare"):
            _restore_store()
            _conclude(experiment)
    return status


def _nobody_drives() -> bool:
    """Each living Snakemake of this checkout shares a lock; whoever gets it alone knows that there is none."""
    handle = take(Path("state/driver.lock"))
    if handle is None:
        return False
    handle.close()
    return True


def _command(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "snakemake", "--nocolor", *arguments]


def _parent() -> dict[str, str]:
    """Names this process to what it starts, which ends with it."""
    return {PARENT: str(os.getpid())}


def _unlock(asked: list[str]) -> None:
    """Remove the Snakemake lock that a dead driver has left."""
    locks = Path(".snakemake/locks")
    if not locks.is_dir() or not any(locks.iterdir()):
        return
    print("A run was killed here; going on from what it had finished.", file=sys.stderr)
    answer = run_captured(_command(["--unlock", *asked]), **_parent())
    if answer.returncode:
        said = "\n  ".join((answer.stderr or answer.stdout).strip().splitlines()[-5:])
        raise InputError(
            f"Snakemake cannot remove the lock of a run that was killed:\n  {said}",
            file=locks,
            remedy="delete this folder, then run again",
        )


def _snakemake(experiment: Experiment, arguments: list[str]) -> int:
    log = Path("logs") / experiment.experiment / "snakemake.log"
    state = RunState()
    shutil.rmtree(PROGRESS, ignore_errors=True)  # of a run that was killed
    PROGRESS.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            _command(arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=child_environment(**_parent(), **{FOLDER: str(PROGRESS.absolute())}),
            process_group=0,  # Snakemake and its jobs, so that one signal reaches them all
        )
        try:
            with _suspended_with_us(process), Board(sys.stderr, PROGRESS) as board:
                for line in lines_of(log, lambda: process.poll() is not None):
                    if line is None:
                        board.refresh(state)
                        time.sleep(0.2)
                    elif notice := state.line(line):
                        board.say(notice, state)
        except BaseException:
            _stop(process)
            raise
        finally:
            shutil.rmtree(PROGRESS, ignore_errors=True)
    if state.nothing:
        print("Nothing to be done: every result is up to date.")
    if process.returncode:
        _explain(state, log)
    return process.returncode


def _stop(process: subprocess.Popen[Any]) -> None:
    """End Snakemake and its jobs; what they had finished stays. A second signal kills them at once."""
    try:
        with suppress(OSError):  # the terminal may be gone
            print("Stopping; what was finished stays.", file=sys.stderr)
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=GRACE)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass
    finally:
        with suppress(ProcessLookupError):  # whoever of the group is left
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def _suspended_with_us(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Ctrl-Z reaches the terminal's own process group alone: pass it on, and wake Snakemake when we are woken."""

    def suspend(_number: int, _frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGSTOP)
            os.killpg(process.pid, signal.SIGCONT)

    before = signal.signal(signal.SIGTSTP, suspend)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)


def _explain(state: RunState, log: Path) -> None:
    """Show the end of what went wrong: of the failed jobs' logs, else of Snakemake's own."""
    for file in dict.fromkeys(state.failed_logs or [log]):
        if file.is_file():
            last = file.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
            print(f"\n{file}:\n  " + "\n  ".join(last), file=sys.stderr)
    print(f"\nThe run failed; Snakemake's own words are in {log}.", file=sys.stderr)


def _restore_store() -> None:
    """Make MLflow's store again from the results where it is missing; no job depends on it."""
    if not STORE.exists():
        from nearmiss.stages.compare.ui import rebuild

        rebuild(STORE)


def _conclude(experiment: Experiment) -> None:
    """Print the comparison, what each stage cost, and where things are."""
    results = Path("results") / experiment.experiment
    print("\n" + (results / "compare" / "summary.txt").read_text(encoding="utf-8"))
    Console(width=80).print(costs(results))
    print(f"page:   {results / 'compare' / 'index.html'}")
    print(f"MLflow: {STORE} (nearmiss ui)")


def costs(results: Path) -> Table:
    """Seconds and peak memory of each stage, from the cost files beside its outputs; unreadable ones are left out."""
    table = Table("stage", "jobs", "seconds", "CPU seconds", "longest job", "peak memory", title="What it cost")
    for column in table.columns[1:]:
        column.justify = "right"
    for stage in STAGES:
        found = [cost for file in sorted((results / stage).rglob("cost.json")) if (cost := _cost(file))]
        if found:
            table.add_row(
                stage,
                str(len(found)),
                f"{sum(cost['seconds'] for cost in found):.0f}",
                f"{sum(cost['cpu_seconds'] for cost in found):.0f}",
                f"{max(cost['seconds'] for cost in found):.0f} s",
                f"{max(cost['peak_memory'] for cost in found) / 1e9:.2f} GB",
            )
    return table


def _cost(file: Path) -> dict[str, float] | None:
    try:
        content = read_json(file)
        return {name: float(content[name]) for name in ("seconds", "cpu_seconds", "peak_memory")}
    except (InputError, KeyError, TypeError, ValueError):
        return None
