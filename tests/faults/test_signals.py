"""SIGINT and SIGTERM: no process, lock or temporary folder remains; the exit status names the signal."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from forking import wait_until

from checkout import TINY
from kills import jobs_in, wait_for
from nearmiss.base.lifetime import held

KIND = "signals"
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc"),
]


def group(leader: int) -> set[int]:
    """Living processes of a process group."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, _, pgid = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(pgid) == leader and state != "Z":
            found.add(int(entry.name))
    return found


class Job:
    """A long command with its own temporary folder; `begun` is true once it computes."""

    def __init__(self, name: str, toys, folder: Path) -> None:
        self.name, self.temporary, self.out = name, folder / "temporary", folder / "out"
        self.temporary.mkdir()
        config = toys.shared("none") / "toy.yaml"
        if name == "data with workers":
            words = ("data", "--config", config, "--workers", "2", "--source.images.train", "{}", "--out", self.out)
            self.long, self.short = "100000", "6"
            self.begun = lambda: list(self.out.glob(".nearmiss-partial-*/published/images/*"))
        elif name == "negatives truth-table":
            self.out = self.out / "table.json"
            words = ("negatives", "truth-table", "--scenes", "{}", "--completeness", "1.0", "--out", self.out)
            self.long, self.short = "100000", "2"
            self.begun = lambda: list(self.temporary.iterdir())
        else:
            inputs = toys.copy("training", folder / "inputs")
            given = ("--store", inputs / "store", "--captions", inputs / "tables" / "captions.parquet", "--words")
            words = ("pretrain", "--config", inputs / "toy.yaml", "--arm", "base", "--seed", "0", *given)
            words += (inputs / "words.txt", "--state", inputs / "state", "--base.steps", "{}", "--out", self.out)
            self.long, self.short = "1000000", "3"
            self.begun = lambda: list(inputs.glob("state/*/latest.json"))
        self._words = words

    def start(self, forks, size: str):
        words = [size if word == "{}" else word for word in self._words]
        return forks.start(*words, TMPDIR=str(self.temporary))


def attempt(name: str, sent: signal.Signals, toys, tmp_path: Path, tally, forks) -> None:
    with tally(KIND, f"a job ({sent.name})", name):
        job = Job(name, toys, tmp_path)
        started = job.start(forks, job.long)
        wait_until(lambda: job.begun() or not started.running)
        os.kill(started.pid, sent)
        assert started.wait() == SIGNALS[sent], started.output.read_text()
        wait_until(lambda: not group(started.pid), seconds=30)
        assert list(job.temporary.iterdir()) == []
        left = [path for path in job.out.parent.glob("**/*") if "partial" in path.name]
        assert left == [] and not job.out.exists()
        assert job.start(forks, job.short).wait() == 0


@pytest.mark.parametrize("sent", SIGNALS, ids=lambda sent: sent.name)
@pytest.mark.parametrize("name", ["data with workers", "negatives truth-table", "pretrain"])
def test_every_signal_ends_every_job_cleanly(name, sent, toys, tmp_path, tally, forks):
    attempt(name, sent, toys, tmp_path, tally, forks)


@pytest.mark.parametrize("sent", SIGNALS, ids=lambda sent: sent.name)
def test_a_signal_to_the_driver_ends_all_jobs(sent, mine, tmp_path, tally):
    """The driver's jobs end with it, its locks are free, and the next run finishes. A second driver is refused."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    shutil.rmtree(mine.results() / "pretrain" / "clip")
    driver = subprocess.Popen(
        [sys.executable, "-m", "nearmiss", "run", "--config", TINY, "--stage", "pretrain"],
        cwd=mine.path,
        env={**mine.environment(), "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: [command for command in jobs_in(mine.path).values() if " run " not in command], driver)
    if sent == signal.SIGTERM:
        with tally("concurrency", "two drivers, one checkout"):
            second = mine.run("--stage", "pretrain")
            assert second.returncode == 2 and "another run is active" in second.stderr, second.stderr
    with tally(KIND, f"the driver ({sent.name})"):
        driver.send_signal(sent)
        assert driver.wait() == SIGNALS[sent]
        wait_for(lambda: not jobs_in(mine.path))
        with held(mine.path / "state" / "run.lock") as ours:
            assert ours
        assert list(temporary.iterdir()) == []
        answer = mine.run("--stage", "pretrain")
        assert answer.returncode == 0, answer.stdout + answer.stderr
