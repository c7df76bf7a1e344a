"""A signal to `nearmiss run` ends Snakemake and every job that it has started; nothing is left behind."""

import os
import signal
import sys
from pathlib import Path

import pytest

from kills import wait_for
from nearmiss import cli, driver
from nearmiss.config import Experiment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
# Stands for Snakemake: it starts a job, writes an event, and waits for the job.
SNAKEMAKE = """
import signal, subprocess, sys
if {stubborn}:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
job = subprocess.Popen(["sleep", "600"])
with open("logs/tiny/events.jsonl", "a") as events:
    print('{{"event": "notice", "text": "started"}}', file=events)
job.wait()
if {stubborn}:
    signal.pause()
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the substitute as the command line does, and send this process a signal once its job has started."""
    monkeypatch.chdir(tmp_path)

    def started(number, stubborn=False):
        def kill(*_):
            os.kill(os.getpid(), number)

        code = SNAKEMAKE.format(stubborn=stubborn)
        monkeypatch.setattr(driver, "_command", lambda _: [sys.executable, "-c", code])
        monkeypatch.setattr(driver.Board, "print", kill)
        cli._end_by_exception(signal.SIGTERM, signal.SIGHUP)
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background process may ignore it
        try:
            driver._snakemake(Experiment(experiment="tiny"), [])
        finally:
            signal.signal(signal.SIGINT, before)
            for each in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(each, signal.SIG_DFL)

    return started


def left(folder):
    """Processes that still run in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == folder and (entry / "stat").read_text().split(") ")[1][0] != "Z":
                found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


@pytest.mark.parametrize("stubborn", [False, True])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_run_with_its_status(run, tmp_path, monkeypatch, number, stubborn, capsys):
    monkeypatch.setattr(driver, "GRACE", 0.5)
    with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else SystemExit) as caught:
        run(number, stubborn)
    if number != signal.SIGINT:
        assert caught.value.code == 128 + number
    wait_for(lambda: not left(tmp_path))
    assert not (tmp_path / "state" / ".progress").exists()
    assert "finished results are kept" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL


def test_progress_of_a_run_that_was_killed_is_not_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "state" / ".progress").mkdir(parents=True)
    (tmp_path / "state" / ".progress" / "1.json").write_text("{}")
    code = """
import json, os
with open("logs/tiny/events.jsonl", "a") as events:
    print(json.dumps({"event": "notice", "text": str(os.listdir(os.environ["NEARMISS_PROGRESS"]))}), file=events)
"""
    monkeypatch.setattr(driver, "_command", lambda _: [sys.executable, "-c", code])
    printed = []
    monkeypatch.setattr(driver.Board, "print", lambda _board, line: printed.append(line))
    assert driver._snakemake(Experiment(experiment="tiny"), []) == 0
    assert printed == ["[]"]


def test_a_lock_that_cannot_be_removed_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    (tmp_path / ".snakemake" / "locks" / "0.input.lock").touch()
    monkeypatch.setattr(driver, "_command", lambda _: [sys.executable, "-c", "import sys; sys.exit('no rights')"])
    with pytest.raises(driver.InputError, match="no rights") as caught:
        driver._unlock([])
    assert "delete this folder" in caught.value.remedy
