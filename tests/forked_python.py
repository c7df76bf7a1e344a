"""Starts the server once for all of pytest's workers, and makes the programs `python` and `snakemake` that use it."""

import os
import shlex
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from filelock import FileLock

SERVER = Path(__file__).parent / "fork_server"
LEASE = b"\0" * 8
NOT_INHERITED = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONUNBUFFERED")


def lease(shared: Path) -> tuple[Path, socket.socket]:
    """The folder of the programs, and a connection for as long as they are used.

    `shared` is a folder that all workers share. The server starts with the first lease and ends with the last one.
    """
    shared.mkdir(parents=True, exist_ok=True)
    place = shared / "place"
    with FileLock(shared / "lock"):
        if place.is_file() and (connection := connected(Path(place.read_text()))):
            return Path(place.read_text()), connection
        folder = Path(tempfile.mkdtemp(prefix="python-"))  # short: the path of a socket has 107 characters
        write_programs(folder)
        start(folder, shared / "server.log")
        connection = connected(folder)
        assert connection is not None, (shared / "server.log").read_text()
        place.write_text(str(folder))
        return folder, connection


def connected(folder: Path) -> socket.socket | None:
    """A lease of the server of a folder, or None where it has ended."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(folder / "socket"))
        connection.sendall(LEASE)
        if connection.recv(1):
            return connection
    except OSError:
        pass
    connection.close()
    return None


def write_programs(folder: Path) -> None:
    """`python` and `snakemake` of a folder."""
    words = [sys.executable, "-IS", str(SERVER / "client.py"), str(folder / "socket"), sys.executable]
    for name in ("python", "snakemake"):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {shlex.join([*words, str(folder / name)])} "$@"\n')
        program.chmod(0o755)


def start(folder: Path, log: Path) -> None:
    """Start the server of a folder and wait until it has imported everything."""
    environment = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    reading, writing = os.pipe()
    with log.open("ab") as output:
        subprocess.Popen(
            [sys.executable, str(SERVER / "server.py"), str(folder / "socket"), str(writing)],
            env={**environment, "PYTHONUTF8": "1"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[writing],
            process_group=0,
        )
    os.close(writing)
    with os.fdopen(reading, "rb") as ready:
        assert ready.read() == b"ready", log.read_text()
