"""The device that a configuration names, and deterministic computation."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from nearmiss.base.errors import InputError


def device_of(name: str, *, key: str) -> torch.device:
    """`auto` is a GPU where there is one; of several, each process that torchrun started takes its own.

    Raises InputError, naming the `key`, where a GPU is required and none is available.
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise InputError("there is no GPU that torch can use", record=key, remedy=f"set {key} to auto or cpu")
    kind = ("cuda" if there else "cpu") if name == "auto" else name
    return torch.device(kind, int(os.environ.get("LOCAL_RANK", "0"))) if kind == "cuda" else torch.device(kind)


@contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Only deterministic algorithms on so many CPU threads; the former settings are restored."""
    memory: Any = torch.utils.deterministic
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), memory.fill_uninitialized_memory
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Filling fresh memory costs time and is no part of determinism: nothing here reads what it did not write.
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        memory.fill_uninitialized_memory = before[2]
