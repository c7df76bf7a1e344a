"""The file operations of this process, one by one: failed at a chosen one, recorded, or with something in between."""

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

_OS = ("fsync", "replace", "rename", "mkdir", "unlink", "rmdir")
_ENGINES = ((pl.DataFrame, "write_parquet"), (pl.DataFrame, "write_ipc"), (pl.DataFrame, "write_csv"))
_ENGINES += ((pl.LazyFrame, "sink_parquet"), (np, "save"), (np, "savez"), (Image.Image, "save"))
_CREATED = set("wax+")


@dataclass(frozen=True)
class Operation:
    """One operation: its number from 0, its kind (write, fsync, replace, mkdir, unlink, rmdir) and what it is about."""

    number: int
    kind: str
    target: str
    destination: str = ""


Hook = Callable[[Operation], None]


@contextmanager
def hooked(hook: Hook, below: Path) -> Iterator[None]:
    """Call `hook` before each operation that changes something below a folder, and before each fsync."""
    count = iter(range(1_000_000))
    inside = str(below.resolve())
    busy = False

    def tell(kind: str, target: object, destination: object = "") -> None:
        nonlocal busy
        name = _name(target)
        if busy or not (kind == "fsync" or name.startswith(inside)):
            return
        busy = True  # the hook's own operations are none of the command's
        try:
            hook(Operation(next(count), kind, name, _name(destination) if destination else ""))
        finally:
            busy = False

    def before_os(name: str, step: Callable) -> Callable:
        def done(target, *rest, **options):
            tell("replace" if name == "rename" else name, target, rest[0] if name in ("replace", "rename") else "")
            return step(target, *rest, **options)

        return done

    def before_open(step: Callable) -> Callable:
        def opened(file, mode="r", *rest, **options):
            if _CREATED & set(mode) and not isinstance(file, int):
                tell("write", file)
            return step(file, mode, *rest, **options)

        return opened

    def before_engine(step: Callable, place: int) -> Callable:
        def written(*arguments, **options):
            target = arguments[place] if len(arguments) > place else ""
            if isinstance(target, str | Path):
                tell("write", target)
            return step(*arguments, **options)

        return written

    kept: list[tuple[object, str, object]] = []

    def patch(owner: object, name: str, value: object) -> None:
        kept.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    try:
        for name in _OS:
            patch(os, name, before_os(name, getattr(os, name)))
        patch(os, "remove", os.unlink)
        for owner in (builtins, io):
            patch(owner, "open", before_open(owner.open))
        for owner, name in _ENGINES:
            patch(owner, name, before_engine(getattr(owner, name), 0 if owner is np else 1))
        yield
    finally:
        for owner, name, value in reversed(kept):
            setattr(owner, name, value)


def recorded(below: Path, run: Callable[[], object]) -> list[Operation]:
    """The operations of a run."""
    found: list[Operation] = []
    with hooked(found.append, below):
        run()
    return found


@contextmanager
def failing(number: int, below: Path, code: int = errno.ENOSPC) -> Iterator[None]:
    """Let the operation of a number fail, and every write after it: a full disk stays full until room is made."""

    def fail(each: Operation) -> None:
        if each.number == number or (each.number > number and each.kind in ("write", "mkdir") and code == errno.ENOSPC):
            raise OSError(code, os.strerror(code), each.target)

    with hooked(fail, below):
        yield


def _name(target: object) -> str:
    if isinstance(target, int):
        return str(Path(f"/proc/self/fd/{target}").readlink())
    return str(Path(os.fsdecode(target)).absolute())  # type: ignore[arg-type]
