"""`nearmiss run`: the whole workflow under a lock, with progress, and what came of it."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.lifetime import PARENT, held, take
from nearmiss.base.progress import FOLDER
from nearmiss.config import STAGES, Experiment, load
from nearmiss.watch import Board, Told, lines_of

STORE = Path("results/mlflow.db")


def run(*, config: Path, quick: bool = False, cores: str = "all", stage: str | None = None) -> int:
    """Run an experiment's workflow in this checkout and say what came of it; returns the exit status.

    Raises `InputError` for a wrong configuration, and where another run is under way here.
    """
    if not Path("Snakefile").is_file():
        raise InputError("here is no workflow", file=Path.cwd(), remedy="run this in the checkout's root folder")
    experiment = load(config, {"quick": True} if quick else None)
    with held(Path("state/run.lock")) as mine:
        if not mine or not _nobody_drives():
            raise InputError(
                "another run is under way in this checkout",
                file=Path.cwd(),
                remedy="wait for it, or stop it; a run that was killed leaves nothing to clean up",
            )
        asked = ["--configfile", str(config), *(["--config", "quick=true"] if quick else [])]
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


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, PARENT: str(os.getpid()), **more}


def _unlock(asked: list[str]) -> None:
    """Remove the Snakemake lock that a dead driver has left."""
    locks = Path(".snakemake/locks")
    if locks.is_dir() and any(locks.iterdir()):
        print("A run was killed here; going on from what it had finished.", file=sys.stderr)
        subprocess.run(_command(["--unlock", *asked]), env=_environment(), check=True, capture_output=True)


def _snakemake(experiment: Experiment, arguments: list[str]) -> int:
    log = Path("logs") / experiment.experiment / "snakemake.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    told = Told()
    with tempfile.TemporaryDirectory(prefix="nearmiss-") as folder, log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            _command(arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(**{FOLDER: folder}),
        )
        try:
            with Board(sys.stderr, Path(folder)) as board:
                for line in lines_of(log, lambda: process.poll() is not None):
                    if line is None:
                        board.refresh(told)
                        time.sleep(0.2)
                    elif name := told.line(line):
                        board.finished(name, told)
        except BaseException:
            process.terminate()  # Snakemake stops its jobs; what was finished stays
            process.wait()
            raise
    if told.nothing:
        print("Nothing to be done: every result is up to date.")
    if process.returncode:
        _explain(told, log)
    return process.returncode


def _explain(told: Told, log: Path) -> None:
    """Show the end of what went wrong: of the failed jobs' logs, else of Snakemake's own."""
    for file in dict.fromkeys(told.failed_logs or [log]):
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
    """Seconds and peak memory of each stage, from the cost files beside its outputs."""
    table = Table("stage", "jobs", "seconds", "CPU seconds", "longest job", "peak memory", title="What it cost")
    for column in table.columns[1:]:
        column.justify = "right"
    for stage in STAGES:
        found = [read_json(file) for file in sorted((results / stage).rglob("cost.json"))]
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
