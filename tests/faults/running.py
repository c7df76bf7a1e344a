"""`nearmiss` in this process: output and exit status of a command."""

import os
import signal
import sys
import traceback
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from nearmiss.cli import main

TRACEBACK = 1
"""The status of a command that ended with a traceback."""


@dataclass(frozen=True)
class Answer:
    """The output of a command and its exit status."""

    status: int
    out: str
    err: str

    @property
    def output(self) -> str:
        return self.out + self.err


def nearmiss(*arguments: object, folder: Path | None = None) -> Answer:
    """Run a command as from the command line, in this process; `folder` is the current folder meanwhile."""
    out, err = StringIO(), StringIO()
    with _kept(folder), redirect_stdout(out), redirect_stderr(err):
        sys.argv = ["nearmiss", *map(str, arguments)]
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        except Exception:
            traceback.print_exc()
            status = TRACEBACK
    return Answer(status, out.getvalue(), err.getvalue())


@contextmanager
def _kept(folder: Path | None):
    """Arguments, signal handlers and the current folder are as before afterwards."""
    before, argv = Path.cwd(), sys.argv
    handlers = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        if folder is not None:
            os.chdir(folder)
        yield
    finally:
        os.chdir(before)
        sys.argv = argv
        for each, handler in handlers.items():
            signal.signal(each, handler)


def contents(folder: Path) -> dict[str, bytes | str]:
    """Everything below a folder: name -> bytes of a file, target of a link, or "folder"."""
    found: dict[str, bytes | str] = {}
    for entry in sorted(folder.rglob("*")):
        name = entry.relative_to(folder).as_posix()
        if entry.is_symlink():
            found[name] = f"-> {entry.readlink()}"
        else:
            found[name] = "folder" if entry.is_dir() else entry.read_bytes()
    return found
