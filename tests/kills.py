"""Kill -9 at a drawn moment of the workflow, or at a counted call of a function, then run it again."""

import itertools
import os
import pkgutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from checkout import TINY

# What a job cost is no part of byte-identity, nor what compare makes of it; a log of Snakemake's own is none of ours.
APART = ("cost.json", "compare/")


def jobs_in(folder: Path) -> dict[int, str]:
    """Processes of the workflow that run in a folder: process id -> command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if (entry / "cwd").readlink() == folder and "-m nearmiss" in command:
                found[int(entry.name)] = command
        except OSError:
            continue
    return found


def wait_for(condition, process=None, seconds=120):
    """Look again and again until something is there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        assert process is None or process.poll() is None, "the driver has ended by itself"
        time.sleep(0.05)
    raise AssertionError("it never came")


def start(checkout, config: str, *targets: str):
    """The workflow of an experiment, driven by Snakemake itself."""
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--configfile", config, *(["--", *targets] if targets else [])],
        cwd=checkout.path,
        env=checkout.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_somewhere(checkout, draw: Random, jobs: int, victims: Sequence[str] = ("driver", "job")) -> str:
    """Start the workflow and kill its driver, or a job of it, while a drawn one of its next `jobs` jobs runs.

    Returns a description of what was killed: nothing, where the workflow ended before the drawn moment.
    """
    at, delay, victim = draw.randrange(jobs), draw.uniform(0.0, 2.0), draw.choice(victims)
    driver, seen = start(checkout, TINY), set[int]()
    while len(seen) <= at and driver.poll() is None:
        seen |= {pid for pid, command in jobs_in(checkout.path).items() if " run " not in command}
        time.sleep(0.02)
    time.sleep(delay)
    living = sorted(jobs_in(checkout.path)) if victim == "job" else []
    target = draw.choice(living) if living else driver.pid
    try:
        os.kill(target, signal.SIGKILL)
    except ProcessLookupError:
        victim = "nothing"
    driver.wait()
    wait_for(lambda: not jobs_in(checkout.path))
    return f"{victim} at job {at} after {delay:.1f} s"


def kill_in_a_row(checkout, draw: Random, count: int) -> list[str]:
    """Start the workflow and kill it, `count` times in a row, at moments that are spread over all of its jobs."""
    jobs = sum(checkout.planned().values())
    kills = []
    for _ in range(count):
        unlock(checkout)
        kills.append(kill_somewhere(checkout, draw, jobs=max(1, 2 * jobs // count)))
    return kills


def unlock(checkout) -> None:
    """Remove the lock that a killed Snakemake leaves, as `nearmiss run` does."""
    locks = checkout.path / ".snakemake" / "locks"
    for lock in locks.iterdir() if locks.is_dir() else ():
        lock.unlink()


def bytes_of(results: Path) -> dict[str, bytes]:
    """Every file that must come out the same, by its name in the results."""
    names = {file.relative_to(results).as_posix(): file for file in results.rglob("*") if file.is_file()}
    return {
        name: file.read_bytes()
        for name, file in sorted(names.items())
        if not name.startswith(".") and "/." not in name and not any(part in name for part in APART)
    }


SHARD_CALLS = ("nearmiss.engine.images.shards.publish", "nearmiss.engine.images.shards.os.link")
"""What is called once for each shard that is completed, and for each that is linked into the results."""


def fork_and_kill(build: Callable[[], object], moment: int, names: Sequence[str]) -> int:
    """Run `build` in a process that kills itself at a number of calls of the functions with these names; the signal."""
    child = os.fork()
    if child == 0:
        calls = itertools.count(1)

        def counted(function: Callable[..., object]) -> Callable[..., object]:
            def call(*arguments: object, **options: object) -> object:
                if next(calls) == moment:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*arguments, **options)

            return call

        try:
            with pytest.MonkeyPatch.context() as patched:
                for name in names:
                    module, _, function = name.rpartition(".")
                    patched.setattr(name, counted(getattr(pkgutil.resolve_name(module), function)))
                build()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) * -1
