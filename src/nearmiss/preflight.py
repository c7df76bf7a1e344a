"""What must hold of a checkout before its workflow starts; each problem is one message, and no job has run."""

import os
import sys
import tempfile
from pathlib import Path

from nearmiss.base.errors import InputError, reason
from nearmiss.base.files import SNAKEMAKE_TIMESTAMP

# Jobs find this checkout's package and this environment's programs through lists of paths, which end at these.
_SEPARATORS = {os.pathsep: "colon" if os.pathsep == ":" else "semicolon", "\n": "line break", "\r": "line break"}


def check_path(*folders: Path) -> None:
    """Refuse a checkout, or an environment, whose path would be cut in two: jobs would run other code than this."""
    for folder in folders:
        for letter, name in _SEPARATORS.items():
            if letter in str(folder):
                raise InputError(
                    f"the path has a {name}, which ends a path in PATH and PYTHONPATH: jobs would run other code",
                    file=str(folder) if str(folder).isprintable() else repr(str(folder)),
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
                f"the run cannot write into this folder: {reason(error)}",
                file=folder.absolute(),
                remedy="correct the folder's rights or make room on its disk, then run again; nothing was started",
            ) from None


def check_access(results: Path) -> None:
    """Refuse results of earlier runs that jobs cannot replace: folders of another user, or on a read-only disk."""
    for folder, below, files in os.walk(results):
        if SNAKEMAKE_TIMESTAMP in files:
            below.clear()  # an output of many files, such as images
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise InputError(
                "the run cannot replace what is in this folder",
                file=Path(folder).absolute(),
                remedy="correct the folder's owner or rights (chown, chmod), then run again; nothing was started",
            )
