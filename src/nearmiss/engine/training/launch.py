"""Starts the processes of one training run on this machine, and stops them together.

Replaces torchrun on one machine: torchrun's command line has its own option `--start`, and here every process ends with
the parent process, however that ends. This module does not import torch.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from typing import IO

from nearmiss.base.lifetime import PARENT
from nearmiss.base.progress import FOLDER

RENDEZVOUS, LISTENING = "NEARMISS_RENDEZVOUS", "NEARMISS_RENDEZVOUS_FD"
"""Environment of the processes: the port of the rendezvous; for the first process, the open socket of that port."""
_INTERVAL = 0.1  # seconds between two polls of the processes
_GRACE = 10.0  # seconds that the others have to exit after one has failed
_WRONG_INPUT = 2  # the exit status of an InputError, which the first process has already reported


def run_together(processes: int, command: list[str]) -> int:
    """Run a command in several processes. Returns 0 if all succeed, else the status of the first that failed.

    The first process shares the output of this one. The standard error of the others is shown if they fail and the
    first one has not reported the error. The status of a process that a signal ended is 128 plus its number, as in a
    shell.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening, tempfile.TemporaryFile("w+", encoding="utf-8") as words:
        group = [_started(rank, processes, command, listening, words) for rank in range(processes)]
        listening.close()  # owned by the first process: if that one ends, the others get an error and do not wait
        try:
            failed = _first_failure(group)
            if failed:
                _wait(group[:1], _GRACE)
        finally:
            _end(group)
        if failed is None:
            return 0
        statuses = [process.returncode for process in group]
        if statuses[0] == _WRONG_INPUT:
            return _WRONG_INPUT
        words.seek(0)
        sys.stderr.write(words.read())
        return statuses[failed] if statuses[failed] > 0 else 128 - statuses[failed]


def _started(
    rank: int, size: int, command: list[str], listening: socket.socket, words: IO[str]
) -> "subprocess.Popen[bytes]":
    leads = rank == 0
    environment = {name: value for name, value in os.environ.items() if leads or name != FOLDER}
    environment |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size), PARENT: str(os.getpid())}
    environment |= {RENDEZVOUS: str(listening.getsockname()[1])}
    environment |= {LISTENING: str(listening.fileno())} if leads else {}
    environment.setdefault("OMP_NUM_THREADS", "1")  # otherwise each process uses all cores
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=None if leads else words,
        pass_fds=(listening.fileno(),) if leads else (),
    )


def _first_failure(group: "list[subprocess.Popen[bytes]]") -> int | None:
    """Wait until all have succeeded, or until one fails; returns its index."""
    while True:
        statuses = [process.poll() for process in group]
        for rank, status in enumerate(statuses):
            if status:
                return rank
        if None not in statuses:
            return None
        time.sleep(_INTERVAL)


def _wait(group: "list[subprocess.Popen[bytes]]", seconds: float) -> None:
    """Wait until all have ended, at most `seconds`."""
    last = time.monotonic() + seconds
    while any(process.poll() is None for process in group) and time.monotonic() < last:
        time.sleep(_INTERVAL)


def _end(group: "list[subprocess.Popen[bytes]]") -> None:
    """Stop every running process."""
    for process in group:
        if process.poll() is None:
            process.terminate()
    _wait(group, _GRACE)
    for process in group:
        if process.poll() is None:
            process.kill()
        process.wait()
