"""Commands in processes of their own, forked from one that has imported everything already.

A start of Python with torch, polars and spaCy takes seconds; a fork takes none. This file is also the program of that
one process: it reads a request a line, forks, and answers with the child's id or its exit status.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

MODULES = (
    "nearmiss.cli",
    "nearmiss.engine.audit.report",
    "nearmiss.engine.formats.exchange",
    "nearmiss.engine.curation.export",
    "nearmiss.stages.data.stage",
    "nearmiss.stages.negatives.stage",
    "nearmiss.stages.pretrain.stage",
    "nearmiss.stages.pretrain.store",
    "nearmiss.stages.evaluate.stage",
    "nearmiss.stages.robustness.corrupted",
)
LATE = ("encodings.utf_8_sig",)
"""Modules that a command imports while it runs: another user may not be able to read them."""


@dataclass(frozen=True)
class Fork:
    """A running command: its process id, and the files of its output."""

    server: "Forks"
    pid: int
    output: Path

    def wait(self) -> int:
        """Its exit status; minus the number of the signal that ended it."""
        return self.server.send({"wait": self.pid})["status"]

    @property
    def running(self) -> bool:
        try:
            return "Z" not in Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False


class Forks:
    """The process that forks; `with Forks() as forks: forks.start("negatives", ...)`.

    `prefix` is a command line that starts it otherwise, such as in other namespaces.
    """

    def __init__(self, *prefix: str) -> None:
        self._prefix, self._number = prefix, 0

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="forks-")
        Path(self._folder.name).chmod(0o777)
        self._process = subprocess.Popen(
            [*self._prefix, sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.pid = self._process.pid
        """The process id of the server."""
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()

    def send(self, request: dict) -> dict:
        """Send a request and return the reply."""
        self._process.stdin.write(json.dumps(request) + "\n")
        return json.loads(self._process.stdout.readline())

    def ends_within(self, fork: Fork, seconds: float) -> int:
        """Its exit status; a process that has not ended by then is killed."""
        limit = time.monotonic() + seconds
        while fork.running and time.monotonic() < limit:
            time.sleep(0.05)
        if fork.running:
            os.kill(fork.pid, 9)
        return fork.wait()

    def call(self, function: str, *arguments: object) -> Fork:
        """Start a function, named MODULE:NAME, of this folder's modules with arguments as text."""
        return self._start({"arguments": [str(each) for each in arguments], "function": function})

    def start(
        self,
        *arguments: object,
        folder: Path | None = None,
        limits: dict[str, int] | None = None,
        user: int | None = None,
        **environment: str,
    ) -> Fork:
        """Start `nearmiss` with arguments in a process of its own, as another user where this one may.

        `limits` are bounds of resources by their names in module `resource`; `environment` holds further variables.
        """
        return self._start(
            {
                "arguments": [str(each) for each in arguments],
                "folder": str(folder or Path.cwd()),
                "environment": environment,
                "limits": limits or {},
                "user": user if os.getuid() == 0 else None,
            }
        )

    def _start(self, request: dict[str, Any]) -> Fork:
        self._number += 1
        output = Path(self._folder.name) / str(self._number)
        return Fork(self, self.send({**request, "output": str(output)})["pid"], output)


def serve() -> None:
    """Read requests until the input ends."""
    import importlib

    for module in (*MODULES, *LATE):
        importlib.import_module(module)
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            answer = {"status": os.waitstatus_to_exitcode(status)}
        else:
            pid = os.fork()
            if pid == 0:
                become(request)
            answer = {"pid": pid}
        print(json.dumps(answer), flush=True)


def become(request: dict) -> None:
    """The child: take the request's folder and environment, run the command, end."""
    import signal
    import traceback

    status = 1
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where pytest runs in the background
        os.chdir(request.get("folder", "."))
        os.environ.update(request.get("environment", {}))
        tempfile.tempdir = None
        output = os.open(request["output"], os.O_CREAT | os.O_WRONLY)
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        limit(request.get("limits", {}))
        if (user := request.get("user")) is not None:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        run(request)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        end(status)


def run(request: dict) -> None:
    """The command line, or a function."""
    if "function" in request:
        import importlib

        module, _, name = request["function"].partition(":")
        getattr(importlib.import_module(module), name)(*request["arguments"])
        return
    from nearmiss.cli import main

    sys.argv = ["nearmiss", *request["arguments"]]
    main()


def limit(limits: dict) -> None:
    """Bounds of resources, by the names of module `resource`."""
    import resource

    for name, value in limits.items():
        resource.setrlimit(getattr(resource, name), (value, value))


def end(status: int) -> None:
    """End as an interpreter does: processes of a pool end, temporary files are removed, output is flushed."""
    import atexit

    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def wait_until(condition, seconds: float = 120):
    """Look again and again until something holds; returns it."""
    limit = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.01)
    return found


if __name__ == "__main__":
    serve()
