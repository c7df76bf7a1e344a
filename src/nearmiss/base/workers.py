"""Applies a function to many items in several processes or threads, with results in the order of the items."""

import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import forkserver, get_context
from typing import Any, TypeVar

from nearmiss.base.errors import InputError, reason
from nearmiss.base.lifetime import die_with_parent

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")

_LONGEST = 70
"""Bytes of a temporary folder's path that leave room for `/pymp-12345678/listener-12345678`, on macOS as well (103)."""
_AHEAD = 2  # items for each worker that wait: more would only fill the memory


@contextmanager
def worker_pool(
    function: Callable[[S, T], R], shared: S, workers: int, *, preload: Iterable[str] = ()
) -> Iterator[Callable[[Iterable[T]], Iterator[R]]]:
    """Yield a function that maps items to `function(shared, item)`, in order, in processes that last for the block.

    Args:
        function: a function of a module.
        shared: what all items need; it is sent to each process once.
        workers: number of processes; 1 works in this process.
        preload: modules that are imported once, before the processes are forked. They must not start threads.

    Raises:
        InputError: a process ended without a result, for instance because the machine ran out of memory.
    """
    if workers <= 1:
        yield lambda items: (function(shared, item) for item in items)
        return
    # Not fork: the threads of polars and OpenCV do not survive it.
    context = get_context("forkserver")
    context.set_forkserver_preload([*preload])
    _start_server()
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(function, shared))
    try:
        yield partial(_in_order, executor, _one, _AHEAD * workers)
    except BrokenProcessPool:
        raise InputError(
            f"one of {workers} worker processes was killed or ended by itself, for instance for lack of memory",
            remedy="run the command again, with fewer --workers if memory was short",
        ) from None
    finally:
        executor.shutdown(cancel_futures=True)


def _start_server() -> None:
    """Start the process that forks the workers, whose socket has a path that the system accepts.

    The socket is in the temporary folder, and its path may have no more than 107 bytes (man 7 unix). With a longer
    TMPDIR the socket goes into /tmp; all other temporary files stay in TMPDIR.
    """
    before = tempfile.tempdir
    if len(os.fsencode(tempfile.gettempdir())) > _LONGEST:
        tempfile.tempdir = "/tmp"
    try:
        forkserver.ensure_running()
    except OSError as error:
        raise InputError(
            f"worker processes cannot be started: {reason(error)}",
            remedy="set TMPDIR to a folder with a short name that can be written to, or work with one worker",
        ) from None
    finally:
        tempfile.tempdir = before


def map_in_order(
    function: Callable[[S, T], R], shared: S, items: Iterable[T], workers: int, *, preload: Iterable[str] = ()
) -> Iterator[R]:
    """Yield `function(shared, item)` for each item, in order, by a `worker_pool` of its own."""
    with worker_pool(function, shared, workers, preload=preload) as each:
        yield from each(items)


def threads_in_order(function: Callable[[T], R], items: Iterable[T], *, workers: int, ahead: int) -> Iterator[R]:
    """Yield `function(item)` for each item, in order, by threads; at most `ahead` results wait."""
    executor = ThreadPoolExecutor(workers)
    try:
        yield from _in_order(executor, function, ahead, items)
    finally:
        executor.shutdown(cancel_futures=True)


def _in_order(executor: Executor, function: Callable[[T], R], ahead: int, items: Iterable[T]) -> Iterator[R]:
    """Items are consumed a few ahead of the results, so that memory does not grow with their number."""
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(executor.submit(function, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


_given: list[Any] = []  # the work and what it shares, in a worker process


def _begin(function: Callable[[Any, Any], Any], shared: Any) -> None:
    die_with_parent()
    _given[:] = [function, shared]


def _one(item: Any) -> Any:
    function, shared = _given
    return function(shared, item)
