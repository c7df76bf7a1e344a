"""Results that another run's results replace are named in one line, so that nothing is replaced silently."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_SHOWN = 3


def other_results(
    folder: Path, before: Mapping[str, Sequence[str]], new: Mapping[str, Sequence[str]], *, besides: str
) -> list[str]:
    """Names of an earlier run's files that a run replaces by other content, or removes.

    Args:
        folder: where the files are.
        before: name -> SHA-256 that the earlier file may have; none where its content differs by run.
        new: the same of the files of this run.
        besides: end of the names that are left out: a manifest also states versions of packages.
    """
    there = {name: hashes for name, hashes in sorted(before.items()) if hashes and (folder / name).is_file()}
    return [
        name for name, hashes in there.items() if not name.endswith(besides) and not {*hashes} & {*new.get(name, [])}
    ]


def tell_replaced(out: Path, names: Sequence[str]) -> None:
    """Print one line to standard error; none where all files were replaced by equal ones."""
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        print(f"nearmiss: {out}: replaced other results ({', '.join(names[:_SHOWN])}{more})", file=sys.stderr)
