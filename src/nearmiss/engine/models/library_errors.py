"""Errors of libraries, the network and the hub as one message of ours."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from nearmiss.base.errors import InputError


@contextmanager
def as_input_error(problem: str, *, file: object = None, record: object = None, remedy: str) -> Iterator[None]:
    """Raise `InputError("problem: message")` for whatever is raised inside, also for a panic of Rust's tokenizers.

    An `InputError`, an interrupt, an exit and a lack of memory pass unchanged.
    """
    try:
        yield
    except (InputError, KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # a panic is no Exception
        raise InputError(f"{problem}: {in_one_line(error)}", file=file, record=record, remedy=remedy) from None


def in_one_line(error: BaseException) -> str:
    """An exception's whole message in one line, without the codes that make a terminal bold."""
    words = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())
    if "TorchScript" in words:
        return "this is a TorchScript archive, which holds code; save its state_dict() with torch.save"
    return words or type(error).__name__
