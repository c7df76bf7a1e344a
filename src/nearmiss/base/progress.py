"""Progress of everything that takes longer than a few seconds: a bar for a person, a small file for `nearmiss run`.

A job of the workflow writes its standard error to a log, where no bar can be seen. Where the environment variable
NEARMISS_PROGRESS names a folder, each process keeps one JSON file there with its task and progress;
`nearmiss run` reads them and draws all bars in one terminal.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")

FOLDER = "NEARMISS_PROGRESS"
_INTERVAL = 0.3  # seconds between two writings of a status file
_state: dict[str, Any] = {}  # the current task of this process; the status file's content
_silent = False


def _report() -> None:
    folder = os.environ.get(FOLDER)
    if not folder or not Path(folder).is_dir():
        return
    # Not base/files.py: a status is worth no flush to disk, and losing one harms nobody.
    target = Path(folder) / f"{os.getpid()}.json"
    partial = target.with_suffix(".partial")
    try:
        partial.write_text(json.dumps({"pid": os.getpid(), **_state}), encoding="utf-8")
        partial.replace(target)
    except OSError:
        pass


@contextmanager
def job(name: str) -> Iterator[None]:
    """Name the task of this process for the duration of the block."""
    _state.update(job=name, started=time.time())
    _report()
    try:
        yield
    finally:
        _state.clear()
        if folder := os.environ.get(FOLDER):
            (Path(folder) / f"{os.getpid()}.json").unlink(missing_ok=True)


@contextmanager
def silent() -> Iterator[None]:
    """No bars inside the block: one bar outside counts the shards."""
    global _silent  # noqa: PLW0603  (bars are the process's own)
    before, _silent = _silent, True
    try:
        yield
    finally:
        _silent = before


def progress(
    items: Iterable[T],
    *,
    what: str,
    total: int | None = None,
    initial: int = 0,
    status: Callable[[], str] | None = None,
) -> Iterable[T]:
    """Iterate over `items` with a bar named `what`: `total` items of which `initial` are done already.

    `status` returns a text for the end of the bar, such as the loss; it is called only where a bar is shown.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if _silent:
        return items
    if os.environ.get(FOLDER):
        return _with_status(items, what, total, initial, status)
    quiet = bool(os.environ.get("CI")) or not sys.stderr.isatty()
    bar = tqdm(items, desc=what, total=total, initial=initial, disable=quiet, mininterval=0.5, dynamic_ncols=True)
    return bar if quiet or status is None else _with_words(bar, status)


def _with_words(bar: Any, status: Callable[[], str]) -> Iterator[Any]:
    updated = 0.0
    for item in bar:
        yield item
        if time.monotonic() - updated >= _INTERVAL:
            bar.set_postfix_str(status(), refresh=False)
            updated = time.monotonic()


def _with_status(
    items: Iterable[T], what: str, total: int | None, initial: int, status: Callable[[], str] | None
) -> Iterator[T]:
    outer = dict(_state)
    written = 0.0
    done = initial
    try:
        for item in items:
            if time.monotonic() - written >= _INTERVAL:
                words = what if status is None or done == initial else status()
                _state.update(what=words, done=done, total=total)
                _report()
                written = time.monotonic()
            yield item
            done += 1
    finally:
        _state.clear()
        _state.update(outer)
        _report()
