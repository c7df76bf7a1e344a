"""Progress bars on standard error: shown to people, quiet in CI and when output goes to a file."""

import os
import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], *, what: str, total: int | None = None, initial: int = 0) -> Iterable[T]:
    """Iterate over `items` with a bar named `what`."""
    quiet = bool(os.environ.get("CI")) or not sys.stderr.isatty()
    return tqdm(items, desc=what, total=total, initial=initial, disable=quiet, mininterval=0.5, dynamic_ncols=True)
