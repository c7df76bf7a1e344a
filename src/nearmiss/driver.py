"""`nearmiss run`: runs the workflow under a lock, displays its progress, and prints the results."""

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
from nearmiss.base.lifetime import PARENT, held, take
from nearmiss.base.manifest import read_cost
from nearmiss.base.progress import FOLDER
from nearmiss.base.tracking_address import store_of
from nearmiss.child_environment import child_environment, run_captured
from nearmiss.config import STAGES, Experiment, load
from nearmiss.downloads import check_downloads, needed_downloads
from nearmiss.overrides import WORKFLOW_KEY, as_one_word, parse_overrides
from nearmiss.stages.inpaint.config import check_packages
from nearmiss.watch import Board, RunState, lines_of

PROGRESS = Path("state/.progress")
"""Jobs write their progress here; only the driver that holds the lock reads it."""
GRACE = 20.0
"""Seconds that Snakemake and its jobs have to stop before they are killed (our choice)."""


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
    permissions), and if another run is active here.
    """
    preflight.check_checkout()
    experiment = load(config, {"quick": True} if quick else None, parse_overrides(overrides))
    check_packages(experiment.inpaint.operations)
    check_downloads(experiment, needed_downloads(experiment))
    store_of(None)
    if cores != "all" and (not cores.isdecimal() or int(cores) == 0):
        raise InputError(f"--cores must be a positive integer or all, got '{cores}'", remedy="correct --cores")
    results, logs = (Path(folder) / experiment.experiment for folder in ("results", "logs"))
    preflight.check_writable(Path("state"), logs, results, Path(".snakemake"))
    preflight.check_access(results)
    with held(Path("state/run.lock")) as mine:
        if not mine or not _no_other_driver():
            raise InputError(
                "another run is active in this checkout",
                file=Path.cwd(),
                remedy="wait for it, or stop it; a run that was killed leaves nothing to clean up",
            )
        # An option's value that begins with a hyphen would be read as an option.
        named = f"./{config}" if str(config).startswith("-") else str(config)
        changes = ["quick=true"] if quick else []
        changes += [f"{WORKFLOW_KEY}={as_one_word(overrides)}"] if overrides else []
        selection = ["--configfile", named, *(["--config", *changes] if changes else [])]
        _unlock(selection)
        status = _snakemake(experiment, ["--cores", cores, *selection, *(["--", stage] if stage else [])])
        if status == 0 and stage in (None, "compare"):
            _restore_store()
            _conclude(experiment)
    return status


def _no_other_driver() -> bool:
    """Whether no Snakemake process runs in this checkout: each of them holds this lock in shared mode."""
    handle = take(Path("state/driver.lock"))
    if handle is None:
        return False
    handle.close()
    return True


def _command(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "snakemake", "--nocolor", *arguments]


def _parent() -> dict[str, str]:
    """The environment variable with this process's id: its child processes end when it does."""
    return {PARENT: str(os.getpid())}


def _reporting() -> dict[str, str]:
    """Where jobs report their progress, and this checkout's logger plugin for Snakemake, whatever is installed."""
    return {FOLDER: str(PROGRESS.absolute()), "PYTHONPATH": str(Path("src").absolute())}


def _unlock(selection: list[str]) -> None:
    """Remove the Snakemake lock of a driver that was killed."""
    locks = Path(".snakemake/locks")
    if not locks.is_dir() or not any(locks.iterdir()):
        return
    print("An earlier run was killed; continuing from its finished jobs.", file=sys.stderr)
    result = run_captured(_command(["--unlock", *selection]), **_parent())
    if result.returncode:
        output = "\n  ".join((result.stderr or result.stdout).strip().splitlines()[-5:])
        raise InputError(
            f"Snakemake cannot remove the lock of a run that was killed:\n  {output}",
            file=locks,
            remedy="delete this folder, then run again",
        )


def _snakemake(experiment: Experiment, arguments: list[str]) -> int:
    """Run Snakemake and display its events until it ends; returns its exit status."""
    log = Path("logs") / experiment.experiment / "snakemake.log"
    events = log.with_name("events.jsonl")
    state = RunState()
    shutil.rmtree(PROGRESS, ignore_errors=True)  # of a run that was killed
    PROGRESS.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    events.write_bytes(b"")  # it is read from the start, and Snakemake opens it later
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            _command(["--logger", "nearmiss", "--logger-nearmiss-events", str(events), *arguments]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=child_environment(**_parent(), **_reporting()),
            process_group=0,  # Snakemake and its jobs, so that one signal reaches them all
        )
        try:
            with _suspended_with_us(process), Board(sys.stderr, PROGRESS) as board:
                for line in lines_of(events, lambda: process.poll() is not None):
                    if line is None:
                        board.refresh(state)
                        time.sleep(0.2)
                    elif shown := state.take(line):
                        board.print(shown)
        except BaseException:
            _stop(process)
            raise
        finally:
            shutil.rmtree(PROGRESS, ignore_errors=True)
    if process.returncode:
        _explain(state, log)
    elif not state.total:
        print("Nothing to be done: every result is up to date.")
    return process.returncode


def _stop(process: subprocess.Popen[Any]) -> None:
    """Stop Snakemake and its jobs; finished results are kept. A second signal kills them at once."""
    try:
        with suppress(OSError):  # the terminal may be gone
            print("Stopping; finished results are kept.", file=sys.stderr)
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
    """Forward Ctrl-Z, which reaches only the terminal's own process group, and resume Snakemake with this process."""

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
    """Print the last lines of the failed jobs' logs, or of Snakemake's own if no job failed."""
    for file in dict.fromkeys(state.failed_logs or [log]):
        if file.is_file():
            last = file.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
            print(f"\n{file}:\n  " + "\n  ".join(last), file=sys.stderr)
    print(f"\nThe run failed; the log of Snakemake is {log}.", file=sys.stderr)


def _restore_store() -> None:
    """Create MLflow's file again from the results if it is missing; it is not an output of any job."""
    store = store_of(None)
    if isinstance(store, Path) and not store.exists():
        from nearmiss.stages.compare.ui import rebuild

        rebuild(store)


def _conclude(experiment: Experiment) -> None:
    """Print the comparison, the cost of each stage, and where the report is."""
    results = Path("results") / experiment.experiment
    print("\n" + (results / "compare" / "summary.txt").read_text(encoding="utf-8"))
    Console(width=80).print(costs(results))
    print(f"page:   {results / 'compare' / 'index.html'}")
    print(f"MLflow: {store_of(None)} (nearmiss ui)")


def costs(results: Path) -> Table:
    """Seconds and peak memory of each stage, from the cost files beside its outputs; unreadable ones are left out."""
    table = Table("stage", "jobs", "seconds", "CPU seconds", "longest job", "peak memory", title="Cost")
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
        content = read_cost(file)
        return {name: float(content[name]) for name in ("seconds", "cpu_seconds", "peak_memory")}
    except (InputError, KeyError, TypeError, ValueError):
        return None
