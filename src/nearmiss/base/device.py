"""The device that a configuration names."""

import os

import torch

from nearmiss.base.errors import InputError


def device_of(name: str, *, key: str) -> torch.device:
    """`auto` is a GPU where there is one; of several, each process that torchrun started takes its own.

    Raises InputError, naming the `key`, where a GPU is asked for and none is.
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise InputError("there is no GPU that torch can use", record=key, remedy=f"set {key} to auto or cpu")
    kind = ("cuda" if there else "cpu") if name == "auto" else name
    return torch.device(kind, int(os.environ.get("LOCAL_RANK", "0"))) if kind == "cuda" else torch.device(kind)
