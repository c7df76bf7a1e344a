"""A process that has imported the libraries, and forks a process for each command: `python server.py SOCKET READY`

It imports no module of nearmiss: a command imports them anew, from where its environment says. It ends with the last of
the tests' processes, each of which holds a connection (`LEASE`). `READY` is an open file to which it says that it is
ready.
"""

import atexit
import fcntl
import gc
import importlib
import json
import os
import random
import runpy
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import set_executable
from pathlib import Path
from typing import Any

from client import FORWARDED, THREADS, read_on_import

LEASE, GRANTED = b"\0" * 8, b"1"
LIBRARIES = (
    "torch",
    "open_clip",
    "transformers",
    "spacy",
    "sklearn",
    "scipy.stats",
    "polars",
    "pandas",
    "matplotlib.pyplot",
    "snakemake.cli",
    "dvc.cli",
    "dvc.repo",
    "cyclopts",
    "boto3",
    "cv2",
    "docutils.core",
    "pyarrow.parquet",
    "pycocotools.mask",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "alembic.command",
)
# What nearmiss sets before it imports MLflow.
MLFLOW = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_LOGGING_LEVEL": "WARNING"}


@dataclass(frozen=True)
class Command:
    """A command that runs: its client, its process and a descriptor of that."""

    client: socket.socket
    pid: int
    descriptor: int


def main(address: str, ready: int) -> None:
    """Import, listen, and serve until nobody holds a lease."""
    assert all(os.environ.get(name) == "1" for name in THREADS)
    Path(f"{address}.environment").write_text(json.dumps(read_on_import(os.environ)))
    import_libraries()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen(64)
    os.write(ready, b"ready")
    os.close(ready)
    Server(listener).serve()


def import_libraries() -> None:
    """Import them without collections of garbage; what they made is garbage in no command."""
    gc.disable()
    before = dict(os.environ)
    os.environ.update(MLFLOW)
    importlib.import_module("PIL.Image").init()
    for name in (*LIBRARIES, "mlflow", "mlflow.store.tracking.sqlalchemy_store"):
        importlib.import_module(name)
    os.environ.clear()
    os.environ.update(before)
    assert not any(name.partition(".")[0] == "nearmiss" for name in sys.modules)
    gc.collect()
    gc.freeze()
    gc.enable()


class Server:
    """Forks commands for clients. One thread: a command's process dies with the thread that forked it."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._leases: set[socket.socket] = set()
        self._commands: dict[int, Command] = {}

    def serve(self) -> None:
        """Serve until the last lease ends."""
        leased = False
        while self._leases or not leased:
            for key, _ in self._selector.select():
                source = key.fileobj
                if source is self._listener:
                    self._accept()
                elif source in self._leases:
                    self._close(source, self._leases.discard)
                elif isinstance(source, int):
                    self._ended(self._commands.pop(source))
                else:
                    self._signaled(source, key.data)
            leased = leased or bool(self._leases)
        for command in self._commands.values():
            os.kill(command.pid, signal.SIGKILL)
        shutil.rmtree(Path(self._listener.getsockname()).parent)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        head, files, _, _ = socket.recv_fds(client, 8, 253)
        if not head:  # went to the interpreter after all
            client.close()
        elif head == LEASE:
            self._leases.add(client)
            client.send(GRANTED)
            self._selector.register(client, selectors.EVENT_READ)
        else:
            self._fork(client, files, json.loads(whole(client, int.from_bytes(head, "big"))))

    def _fork(self, client: socket.socket, files: list[int], request: dict[str, Any]) -> None:
        pid = os.fork()
        if pid == 0:
            try:
                for key in list(self._selector.get_map().values()):
                    os.close(key.fd)
                self._selector.close()
                client.close()
                become(files, request)
            finally:
                os._exit(1)
        for file in files:
            os.close(file)
        command = Command(client, pid, os.pidfd_open(pid))
        self._commands[command.descriptor] = command
        self._selector.register(command.descriptor, selectors.EVENT_READ)
        self._selector.register(client, selectors.EVENT_READ, command)

    def _signaled(self, client: socket.socket, command: Command) -> None:
        """Signals for a command's process; the end of a client ends it."""
        numbers = client.recv(16)
        for number in numbers or [signal.SIGKILL]:
            signal.pidfd_send_signal(command.descriptor, number)
        if not numbers:
            self._selector.unregister(client)

    def _ended(self, command: Command) -> None:
        _, status = os.waitpid(command.pid, 0)
        self._selector.unregister(command.descriptor)
        os.close(command.descriptor)
        with suppress(OSError):
            command.client.send(str(os.waitstatus_to_exitcode(status)).encode())
        if command.client in {key.fileobj for key in self._selector.get_map().values()}:
            self._selector.unregister(command.client)
        command.client.close()

    def _close(self, connection: socket.socket, forget: Any) -> None:
        self._selector.unregister(connection)
        forget(connection)
        connection.close()


def whole(client: socket.socket, size: int) -> bytes:
    """The next `size` bytes."""
    found = b""
    while len(found) < size:
        found += (more := client.recv(size - len(found)))
        if not more:
            raise EOFError
    return found


def become(files: list[int], request: dict[str, Any]) -> None:
    """Take the request's place, run its command, and end as an interpreter does."""
    take(files, request["files"])
    place(request)
    status: int | None = 1
    try:
        run(*request["arguments"])
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if not isinstance(ended.code, int | None):
            print(ended.code, file=sys.stderr)
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())
        status = None
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finish(status)


def take(files: list[int], numbers: list[int]) -> None:
    """Give open files the numbers that they had in the client; a number may be that of another file first."""
    above = max(*files, *numbers) + 1
    moved = [fcntl.fcntl(file, fcntl.F_DUPFD, above) for file in files]
    for file in files:
        os.close(file)
    for file, number in zip(moved, numbers, strict=True):
        os.dup2(file, number)
        os.close(file)


def place(request: dict[str, Any]) -> None:
    """Folder, environment, process group, signals, paths and streams of the client."""
    if request["group"] != os.getpgid(0):
        try:
            os.setpgid(0, request["group"])
        except OSError:  # of another session
            os.setpgid(0, 0)
    os.chdir(request["folder"])
    os.umask(request["umask"])
    os.environ.clear()
    os.environ.update(request["environment"])
    me, parent, real = os.getpid(), request["parent"], os.getppid
    os.getppid = lambda: parent if os.getpid() == me else real()
    for number in (*FORWARDED, signal.SIGPIPE):
        ignored = number in request["ignored"] or number == signal.SIGPIPE
        signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
    if signal.SIGINT not in request["ignored"]:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.executable = request["executable"]
    set_executable(sys.executable)
    sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.stdout.reconfigure(write_through=unbuffered, line_buffering=unbuffered or os.isatty(1))
    sys.stderr.reconfigure(line_buffering=True)
    importlib.invalidate_caches()
    tempfile.tempdir = None
    random.seed()
    sys.modules["numpy"].random.seed()


def run(option: str, program: str, *arguments: str) -> None:
    """`python -m MODULE`, `python -P FILE` or `python -c PROGRAM`, in this process."""
    sys.argv = [program, *arguments]
    if option == "-m":
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    elif option == "-c":
        sys.argv[0] = "-c"
        sys.path.insert(0, "")
        exec(program, {"__name__": "__main__"})
    else:
        runpy.run_path(program, run_name="__main__")


def finish(status: int | None) -> None:
    """End as an interpreter does, but free no memory; None ends by SIGINT."""
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        status = status or 120
    if status is None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status & 0xFF)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
