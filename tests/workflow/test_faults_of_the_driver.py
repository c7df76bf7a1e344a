"""A killed driver or job leaves no process behind, a second driver is refused, and the next run finishes the work."""

import os
import select
import shutil
import signal
import subprocess
import sys
from random import Random

import pytest

from checkout import TINY, Checkout
from kills import bytes_of, jobs_in, kill_somewhere, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="jobs die with their driver on Linux")


@pytest.fixture
def killed(mine) -> Checkout:
    """The copy `mine`, with an interpreter for each process: those are killed here."""
    return Checkout(mine.path)


def test_a_killed_driver_leaves_no_orphan_and_the_next_run_resumes(mine, killed):
    """While the driver runs, a second one is refused."""
    weights = mine.results() / "pretrain" / "clip" / "0" / "checkpoint" / "open_clip_model.safetensors"
    before = weights.read_bytes()
    shutil.rmtree(mine.results() / "pretrain" / "clip")
    driver = subprocess.Popen(
        [killed.python, "-m", "nearmiss", "run", "--config", TINY, "--stage", "pretrain"],
        cwd=killed.path,
        env=killed.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    job = next(
        iter(wait_for(lambda: {pid for pid, line in jobs_in(killed.path).items() if " run " not in line}, driver))
    )
    second = mine.run()
    assert second.returncode == 2
    assert "another run is active" in second.stderr
    descriptor = os.pidfd_open(job)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert select.select([descriptor], [], [], 60)[0], "the job outlived its driver"
    answer = mine.run("--stage", "pretrain")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "An earlier run was killed" in answer.stderr
    assert weights.read_bytes() == before


def test_a_killed_job_changes_no_byte_of_the_next_run(finished, mine, killed):
    """One part of the finished run is removed and made again; `make faults` kills whole runs, drivers and jobs."""
    shutil.rmtree(mine.results() / "finetune" / "hnc")
    kill = kill_somewhere(killed, Random(1), jobs=1, victims=("job",))
    answer = mine.run()
    assert answer.returncode == 0, kill + answer.stdout + answer.stderr
    assert bytes_of(mine.results()) == bytes_of(finished.results()), kill
