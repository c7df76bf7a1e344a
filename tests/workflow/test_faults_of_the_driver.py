"""A driver that is killed leaves no job behind, and the next run finishes the work."""

import os
import select
import shutil
import signal
import subprocess
import sys
from random import Random

import pytest

from checkout import TINY, Checkout
from kills import bytes_of, jobs_in, kill_in_a_row, start, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="jobs die with their driver on Linux")


@pytest.fixture
def mine(mine) -> Checkout:
    """A copy of the finished run whose commands are processes of their own: those are killed here."""
    return Checkout(mine.path)


def test_a_killed_driver_leaves_no_orphan_and_the_next_run_resumes(mine):
    weights = mine.results() / "pretrain" / "clip" / "0" / "checkpoint" / "open_clip_model.safetensors"
    before = weights.read_bytes()
    shutil.rmtree(mine.results() / "pretrain" / "clip")
    driver = start(mine, TINY, "pretrain")
    job = next(iter(wait_for(lambda: jobs_in(mine.path), driver)))
    descriptor = os.pidfd_open(job)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert select.select([descriptor], [], [], 60)[0], "the job outlived its driver"
    answer = mine.run("--stage", "pretrain")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "An earlier run was killed" in answer.stderr
    assert weights.read_bytes() == before


def test_a_second_run_at_the_same_time_is_refused(mine):
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
    assert "another run is active" in second.stderr
    first.terminate()
    first.wait()


def test_killed_runs_finish_with_the_same_bytes(finished, mine):
    """Parts of the finished run are removed and made again; `make faults` kills whole runs."""
    for part in ("pretrain/hnc", "negatives/scene_graph"):
        shutil.rmtree(mine.results() / part)
    killed = kill_in_a_row(mine, Random(1), 3)
    answer = mine.run()
    assert answer.returncode == 0, str(killed) + answer.stdout + answer.stderr
    assert bytes_of(mine.results()) == bytes_of(finished.results()), killed
