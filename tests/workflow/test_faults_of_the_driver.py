"""A driver that is killed leaves no job behind, and the next run finishes the work."""

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="jobs die with their driver on Linux")


def jobs_in(folder: Path) -> dict[int, str]:
    """Living processes of the workflow that work in a folder: process id -> command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
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


def test_a_killed_driver_leaves_no_orphan_and_the_next_run_finishes(mine):
    weights = mine.results() / "pretrain" / "clip" / "0" / "checkpoint" / "open_clip_model.safetensors"
    before = weights.read_bytes()
    shutil.rmtree(mine.results() / "pretrain" / "clip")
    driver = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--configfile", "tests/tiny.yaml", "--", "pretrain"],
        cwd=mine.path,
        env=mine.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    job = next(iter(wait_for(lambda: jobs_in(mine.path), driver)))
    descriptor = os.pidfd_open(job)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert select.select([descriptor], [], [], 60)[0], "the job outlived its driver"
    answer = mine.run("--stage", "pretrain")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "was killed here" in answer.stderr
    assert weights.read_bytes() == before


def test_two_runs_at_a_time_are_refused(mine):
    shutil.rmtree(mine.results() / "pretrain" / "clip")
    first = subprocess.Popen(
        [sys.executable, "-m", "nearmiss", "run", "--config", "tests/tiny.yaml", "--stage", "pretrain"],
        cwd=mine.path,
        env=mine.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: [command for command in jobs_in(mine.path).values() if " run " not in command], first)
    second = mine.run()
    assert second.returncode == 2
    assert "another run is under way" in second.stderr
    first.terminate()
    first.wait()
