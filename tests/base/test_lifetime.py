"""Processes that must not outlive their parent, locks that end with their holder, and progress that others can read."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nearmiss.base.errors import InputError
from nearmiss.base.lifetime import PARENT, held, take
from nearmiss.base.progress import FOLDER, job, progress

CHILD = "from nearmiss.base.lifetime import die_with_starter; die_with_starter(); print('ready', flush=True); input()"
PARENT_PROCESS = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         env={{**os.environ, "{PARENT}": str(os.getpid())}})
child.stdout.readline()
print(child.pid, flush=True)
input()
"""


def gone(pid: int) -> bool:
    """True once a process has ended; a zombie that nobody has waited for has ended too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_child_dies_when_its_parent_is_killed():
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT_PROCESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    child = int(parent.stdout.readline())
    descriptor = os.pidfd_open(child)
    assert not gone(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    # A process descriptor becomes readable when its process ends.
    assert select.select([descriptor], [], [], 30)[0]
    assert gone(child)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_child_of_an_ended_parent_exits_immediately():
    child = [sys.executable, "-c", CHILD]
    environment = {**os.environ, PARENT: "1"}
    ended = subprocess.run(child, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL


def test_locks_are_exclusive_or_shared(tmp_path):
    path = tmp_path / "locks" / "one.lock"
    with held(path) as mine:
        assert mine
        assert take(path) is None
        assert take(path, shared=True) is None
    first, second = take(path, shared=True), take(path, shared=True)
    assert first and second
    assert take(path) is None
    first.close()
    second.close()
    with held(path) as again:
        assert again


def test_a_lock_that_cannot_be_written_says_why(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written: a part of the path is a file, not a folder"):
        take(tmp_path / "file" / "folder" / "lock")


def test_progress_is_written_to_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    with job("pretrain clip"):
        for step in progress(range(10, 13), what="steps", initial=4):
            if step == 10:
                status = json.loads((tmp_path / f"{os.getpid()}.json").read_text())
                assert (status["job"], status["what"]) == ("pretrain clip", "steps")
                assert (status["done"], status["total"]) == (4, 3)
    assert list(tmp_path.iterdir()) == []


def test_progress_yields_every_item(tmp_path, monkeypatch):
    assert list(progress(iter("abc"), what="letters")) == ["a", "b", "c"]
    monkeypatch.setenv(FOLDER, str(tmp_path / "missing"))
    assert list(progress("abc", what="letters")) == ["a", "b", "c"]
