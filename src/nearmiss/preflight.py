"""What must hold of a checkout before its workflow starts; each problem is one message, and no job has run."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from nearmiss.base.errors import InputError

# Jobs find this checkout's package and this environment's programs through lists of paths, which end at these.
_SEPARATORS = {os.pathsep: "colon" if os.pathsep == ":" else "semicolon", "\n": "line break", "\r": "line break"}
NOTICE = "nearmiss: "
"""Begins a line that the workflow prints for its user; `nearmiss run` passes it on."""
AHEAD = 2.0
"""Seconds that a file may be dated ahead of the clock: Snakemake takes longer to start (our choice)."""
_SHOWN = 3


def check_path(*folders: Path) -> None:
    """Refuse a checkout, or an environment, whose path would be cut in two: jobs would run other code than this."""
    for folder in folders:
        for letter, name in _SEPARATORS.items():
            if letter in str(folder):
                raise InputError(
                    f"the path has a {name}, which ends a path in PATH and PYTHONPATH: jobs would run other code",
                    file=repr(str(folder)),
                    remedy=f"move or rename the folder so that its path has no {name}",
                )


def check_checkout() -> None:
    """Refuse a working folder that is no checkout, or one whose path cannot work."""
    if not Path("Snakefile").is_file():
        raise InputError("here is no workflow", file=Path.cwd(), remedy="run this in the checkout's root folder")
    check_path(Path.cwd(), Path(sys.executable).parent)


def check_writable(*folders: Path) -> None:
    """Make folders where they are missing and write a file into each; raises `InputError` for the first that fails."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as handle:
                handle.write(b"\0" * 4096)
        except OSError as error:
            raise InputError(
                f"the run cannot write into this folder: {error.strerror}",
                file=folder.absolute(),
                remedy="correct the folder's rights or make room on its disk, then run again; nothing was started",
            ) from None


def check_dates(results: Path) -> None:
    """Refuse results that are dated in the future: every job that reads them would be taken for failed."""
    now = time.time()
    late = sorted((path for path, date in _dated(results) if date > now + AHEAD), key=str)
    if late:
        latest = max(path.stat().st_mtime for path in late)
        shown = " ".join(str(path) for path in late[:_SHOWN]) + (" ..." if len(late) > _SHOWN else "")
        raise InputError(
            f"{len(late)} files are dated in the future, the latest at "
            f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(latest))}; Snakemake would take every job that reads "
            "them for failed and remove what it made",
            file=late[0],
            remedy=f"set this machine's clock, or date the files now (what was made from them is made again): "
            f"touch {shown}",
        )


def _dated(folder: Path) -> Iterator[tuple[Path, float]]:
    """Every file below a folder, and every folder, with its date."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        try:
            yield Path(entry.path), entry.stat(follow_symlinks=False).st_mtime
            if entry.is_dir(follow_symlinks=False):
                yield from _dated(Path(entry.path))
        except OSError:
            continue
