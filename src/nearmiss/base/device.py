"""The device that a configuration names, and deterministic computation."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from nearmiss.base.device_slots import claim, devices, granted
from nearmiss.base.errors import InputError


def device_of(name: str, *, key: str) -> torch.device:
    """`auto` is a GPU where there is one; of several, this process takes one that no other process has.

    Raises InputError, naming the `key`, where a GPU is required and none is available; also for `auto` where a
    scheduler has given this process a GPU that torch cannot use: training on the CPU would take many times as long.
    """
    if name == "cpu":
        return torch.device("cpu")
    given = granted()
    claim(devices())
    there = torch.cuda.is_available()
    if not there and (name == "cuda" or given):
        problem = "there is no GPU that torch can use"
        if given:
            problem += (
                f", although this process was given one (CUDA_VISIBLE_DEVICES={os.environ['CUDA_VISIBLE_DEVICES']})"
            )
        raise InputError(problem, record=key, remedy=f"set {key} to cpu, or ask the cluster for a GPU that works")
    return torch.device("cuda", 0) if there else torch.device("cpu")


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
