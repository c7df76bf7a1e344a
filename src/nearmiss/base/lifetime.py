"""Lifetime of processes and exclusive access: termination with a parent, and file locks."""

import ctypes
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from nearmiss.base.errors import InputError, reason

# Set by whoever starts a job that must not outlive it: the process id of the starter.
PARENT = "NEARMISS_PARENT"
_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int | None = None) -> None:
    """Ask the kernel to kill this process when its parent ends; end now if `parent` has ended already.

    Linux only; elsewhere nothing happens. A forked child does not inherit the wish: pools of worker processes call
    this in each worker (`initializer=die_with_parent`).
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def die_with_starter() -> None:
    """`die_with_parent` where the environment names the process that started this one; else nothing.

    Under torchrun the parent is torchrun, which hands the name of its own starter on.
    """
    parent = os.environ.get(PARENT, "")
    if parent.isdecimal():
        die_with_parent(None if "TORCHELASTIC_RUN_ID" in os.environ else int(parent))


def take(path: Path, *, shared: bool = False) -> IO[str] | None:
    """Take a file lock without waiting: the open file that holds it, or None where another process has it.

    The lock lasts until the file is closed or the process ends, however it ends. Raises `InputError` where the file
    cannot be written and where its file system has no locks.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("a", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"a lock file cannot be written: {reason(error)}",
            file=path,
            remedy="correct the rights of its folder, or work in a folder that can be written",
        ) from None
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    except OSError as error:
        handle.close()
        raise InputError(
            f"the file system of this folder cannot lock files: {reason(error)}",
            file=path,
            remedy="work on a local disk, or mount the file system with locks (NFS: local_lock=flock)",
        ) from None
    return handle


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold an exclusive lock for a block; yields False, without the lock, where another process has it."""
    handle = take(path)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            handle.close()


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock for a block, after waiting for whoever has it."""
    handle = take(path)
    if handle is None:
        print(f"waiting for another process that holds {path}", file=sys.stderr)
        handle = path.open("a", encoding="utf-8")
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        handle.close()
