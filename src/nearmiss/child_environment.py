"""Programs that are started here: with places that they can write to, and text as UTF-8."""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

FALLBACK = Path("state/.cache")
"""Stands in for folders of the user's that are missing or cannot be written; nothing in it is worth keeping."""


def child_environment(**more: str) -> dict[str, str]:
    """The environment of a program that is started in the checkout's root folder, with `more` on top.

    Snakemake, DVC and MLflow end with a traceback where the home folder, the cache folder or the temporary folder
    cannot be written. Where one cannot, a folder of the checkout stands in for it.
    """
    return {**os.environ, **_home(), **_cache(), **_temporary(), "PYTHONUTF8": "1", **more}


def run_captured(command: Sequence[str], **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program in `child_environment(**more)`, without input, its output kept; the caller looks at the status."""
    return subprocess.run(
        command,
        env=child_environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def _home() -> dict[str, str]:
    """`~` has no meaning where HOME is not set and the user has no entry in the password file."""
    if os.environ.get("HOME"):
        return {}
    try:
        return {"HOME": pwd.getpwuid(os.getuid()).pw_dir}
    except KeyError:
        return {"HOME": str(FALLBACK.absolute())}


def _cache() -> dict[str, str]:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path({**os.environ, **_home()}["HOME"]) / ".cache")
    if folder.is_absolute() and _writable(folder / "snakemake"):
        return {}
    FALLBACK.mkdir(parents=True, exist_ok=True)
    found = {"XDG_CACHE_HOME": str(FALLBACK.absolute())}
    if "MPLCONFIGDIR" not in os.environ:
        found["MPLCONFIGDIR"] = str((FALLBACK / "matplotlib").absolute())
    return found


def _temporary() -> dict[str, str]:
    named = os.environ.get("TMPDIR")
    if named and _writable(Path(named), make=False):
        return {}
    try:
        folder = tempfile.gettempdir()
    except OSError:  # none of those that Python tries can be written
        folder = str((FALLBACK / "tmp").absolute())
        Path(folder).mkdir(parents=True, exist_ok=True)
    return {"TMPDIR": folder} if named or folder.startswith(str(FALLBACK.absolute())) else {}


def _writable(folder: Path, *, make: bool = True) -> bool:
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
