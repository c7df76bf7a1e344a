"""The checkout as DVC sees it: who may work in it, the command of this environment, remotes, and the lock file."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from nearmiss.base.errors import InputError
from nearmiss.base.lifetime import held, take

LOCKFILE = Path("dvc.lock")


@dataclass(frozen=True)
class Locked:
    """What dvc.lock says of a stage: its output folder, and the folders it was made from.

    `digest` names the object that lists the folder's files; `needs` has the same of each folder that was read.
    """

    stage: str
    folder: Path
    digest: str
    needs: dict[str, str]


@contextmanager
def alone() -> Iterator[None]:
    """Nobody else drives this checkout's workflow for as long as the block lasts; else an `InputError`."""
    with held(Path("state/run.lock")) as mine:
        driver = take(Path("state/driver.lock")) if mine else None
        if driver is None:
            raise InputError(
                "a run is under way in this checkout", file=Path.cwd(), remedy="wait for it, or stop it, and try again"
            )
        driver.close()
        yield


def dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this environment's DVC in the checkout's root folder; the caller looks at the status."""
    if not Path(".dvc").is_dir():
        raise InputError("here is no DVC workspace", file=Path.cwd(), remedy="run this in the checkout's root folder")
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        env={**os.environ, "DVC_NO_ANALYTICS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def last_words(answer: subprocess.CompletedProcess[str]) -> str:
    """What DVC said at its end: its error, without the advice below."""
    errors = [line for line in answer.stderr.splitlines() if line.startswith("ERROR:")]
    lines = errors or [line for line in (answer.stderr + answer.stdout).splitlines() if line.strip()]
    return lines[-1].removeprefix("ERROR: ") if lines else "nothing"


def remote_of(asked: str | None) -> str | None:
    """The remote to use: the one asked for, else the configured default; None where there is none."""
    settings = dvc("config", "--list").stdout
    names = re.findall(r"(?m)^remote\.(.+)\.url=", settings)
    if asked is not None and asked not in names:
        raise InputError(
            f"DVC knows no remote '{asked}'",
            file=".dvc/config",
            remedy=f"name one of: {', '.join(names) or 'none is configured'}; `dvc remote add` adds one",
        )
    default = re.findall(r"(?m)^core\.remote=(.+)$", settings)
    return asked or (default[0] if default else None)


def locked(text: str, results: Path, file: object = LOCKFILE) -> dict[str, Locked]:
    """The stages of an experiment in the text of a dvc.lock: those whose output lies in its results folder."""
    try:
        content = yaml.safe_load(text) or {}
        found = {name: _locked(name, entry) for name, entry in (content.get("stages") or {}).items()}
    except (yaml.YAMLError, KeyError, IndexError, AttributeError, TypeError):
        raise InputError(
            "the file is no lock file of DVC", file=file, remedy="take it from git again (git checkout)"
        ) from None
    return {name: one for name, one in found.items() if one.folder.parent == results}


def _locked(name: str, entry: dict[str, Any]) -> Locked:
    out = entry["outs"][0]
    needs = {dep["path"]: dep["md5"] for dep in entry["deps"] if str(dep.get("md5", "")).endswith(".dir")}
    return Locked(name, Path(out["path"]), out["md5"], needs)
