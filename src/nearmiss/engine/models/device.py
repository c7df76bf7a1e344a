"""The device that a configuration names."""

import torch

from nearmiss.base.errors import InputError


def device_of(name: str, *, key: str) -> torch.device:
    """`auto` is a GPU where there is one. Raises InputError, naming the `key`, where a GPU is asked for and none is."""
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise InputError("there is no GPU that torch can use", record=key, remedy=f"set {key} to auto or cpu")
    return torch.device(("cuda" if there else "cpu") if name == "auto" else name)
