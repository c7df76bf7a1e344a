"""The DVC workspace: exclusive access, the DVC command of this environment, remotes, and the lock file."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from nearmiss.base.errors import InputError
from nearmiss.base.extras import require
from nearmiss.base.lifetime import held, take
from nearmiss.child_environment import run_captured
from nearmiss.config import STAGES

LOCKFILE = Path("dvc.lock")
PIPELINE = Path("dvc.yaml")
_SCHEMA = "2.0"
_DIRECTORY = re.compile(r"[0-9a-f]{32}\.dir")


@dataclass(frozen=True)
class Locked:
    """Entry of a stage in dvc.lock: its output folder and its input folders.

    `digest` is the object that lists the folder's files; `needs` has the digest of each input folder.
    """

    stage: str
    folder: Path
    digest: str
    needs: dict[str, str]


@contextmanager
def exclusive() -> Iterator[None]:
    """Lock this checkout's workflow during the block. Raises `InputError` if it is locked."""
    with held(Path("state/run.lock")) as mine:
        driver = take(Path("state/driver.lock")) if mine else None
        if driver is None:
            raise InputError(
                "another run is active in this checkout",
                file=Path.cwd(),
                remedy="wait for it, or stop it, and try again",
            )
        driver.close()
        yield


def dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this environment's DVC in the checkout's root folder; the caller checks the status."""
    return _program("-m", "dvc", *arguments)


def checkout(*stages: str) -> subprocess.CompletedProcess[str]:
    """Check out the objects of stages with DVC, as copies for any `cache.type`."""
    return _program("-P", str(Path(__file__).with_name("dvc_checkout.py")), *stages)


def remote_states(remote: str, *digests: str) -> subprocess.CompletedProcess[str]:
    """Check objects in a remote; standard output is the JSON that `dvc_remote.py` describes."""
    return _program("-P", str(Path(__file__).with_name("dvc_remote.py")), remote, *digests)


def _program(*arguments: str) -> subprocess.CompletedProcess[str]:
    if not Path(".dvc").is_dir():
        raise InputError(
            "there is no DVC workspace", file=Path.cwd(), remedy="run this in the checkout's root folder, or: dvc init"
        )
    return run_captured([sys.executable, *arguments], DVC_NO_ANALYTICS="1")


def error_text(result: subprocess.CompletedProcess[str]) -> str:
    """The error message of DVC, without its advice."""
    errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR:")]
    lines = errors or [line for line in (result.stderr + result.stdout).splitlines() if line.strip()]
    return lines[-1].removeprefix("ERROR: ") if lines else "nothing"


def first_error(result: subprocess.CompletedProcess[str]) -> str:
    """The first error of several, which is the cause of the others."""
    errors = [line.removeprefix("ERROR: ") for line in result.stderr.splitlines() if line.startswith("ERROR:")]
    return errors[0] if errors else error_text(result)


def remote_of(requested: str | None) -> str | None:
    """The requested remote, else the configured default; None if there is none."""
    result = dvc("config", "--list")
    if result.returncode:
        raise InputError(
            f"DVC cannot read its configuration: {error_text(result)}", file=".dvc/config", remedy="correct the file"
        )
    settings = result.stdout
    urls: dict[str, str] = dict(re.findall(r"(?m)^remote\.(.+)\.url=(.*)$", settings))
    if requested is not None and requested not in urls:
        raise InputError(
            f"DVC has no remote '{requested}'",
            file=".dvc/config",
            remedy=f"choose one of: {', '.join(urls) or 'none is configured'}; `dvc remote add` adds one",
        )
    default = re.findall(r"(?m)^core\.remote=(.+)$", settings)
    remote = requested or (default[0] if default else None)
    if urls.get(remote or "", "").startswith("s3://"):
        require("dvc_s3", "s3", f"the DVC remote '{remote}'")
    return remote


def text_of(file: Path) -> str:
    """A text file of DVC. Raises `InputError` if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        remedy = "correct its permissions, or restore it from git (git checkout)"
        raise InputError(f"the file cannot be read: {error}", file=file, remedy=remedy) from None


def locked(text: str, results: Path, file: object = LOCKFILE, pipeline: str = "") -> dict[str, Locked]:
    """The stages of an experiment in the text of a dvc.lock: those whose output is in its results folder.

    `pipeline` is the text of dvc.yaml. Raises `InputError` if the file is not a lock file, and for a stage whose entry
    cannot be used, because it would be ignored or is outside of the results.
    """

    def refuse(problem: str, stage: str) -> InputError:
        return InputError(
            problem, file=file, record=f"stage {stage}", remedy="restore the file from git (git checkout)"
        )

    content = _yaml(text, file)
    if not isinstance(content, dict) or content.get("schema") != _SCHEMA:
        found = content.get("schema") if isinstance(content, dict) else None
        detail = f"; its schema is {found!r}, not {_SCHEMA!r}" if found is not None else ""
        raise InputError(
            f"the file is not a lock file of DVC that this version supports{detail}",
            file=file,
            remedy="restore the file from git (git checkout), or write it again: nearmiss versions snapshot",
        )
    entries = content.get("stages") or {}
    if not isinstance(entries, dict):
        raise refuse("the file is not a lock file of DVC", "all")
    planned = _outputs(_yaml(pipeline, PIPELINE))
    found = {}
    for name in (stage for stage in STAGES if stage in entries):
        try:
            one = _locked(name, entries[name])
        except ValueError as error:
            raise refuse(f"the entry of stage '{name}' cannot be used: {error}", name) from None
        except (KeyError, AttributeError, TypeError):
            raise refuse(
                f"the entry of stage '{name}' cannot be used: a key is missing or of another type", name
            ) from None
        wanted = (results / name).as_posix()
        if one.folder.as_posix() == wanted:
            found[name] = one
        elif planned.get(name) == wanted:
            raise refuse(f"the output of stage '{name}' is {one.folder}, but dvc.yaml has {wanted}", name)
    for one in found.values():
        for folder in map(PurePosixPath, one.needs):
            if folder.parent == PurePosixPath(results) and folder.name not in found:
                raise refuse(f"an input of stage '{one.stage}', {folder}, is not recorded", folder.name)
    return found


def _yaml(text: str, file: object) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        remedy = "restore the file from git (git checkout)"
        raise InputError("the file is not a lock file of DVC: it is not YAML", file=file, remedy=remedy) from None


def _outputs(pipeline: Any) -> dict[str, str]:
    """stage -> its output in dvc.yaml, for entries that have one."""
    found = {}
    stages = pipeline.get("stages") if isinstance(pipeline, dict) else None
    for name, entry in stages.items() if isinstance(stages, dict) else ():
        outs = entry.get("outs") if isinstance(entry, dict) else None
        if isinstance(outs, list) and len(outs) == 1:
            found[name] = next(iter(outs[0])) if isinstance(outs[0], dict) else outs[0]
    return found


def _locked(name: str, entry: dict[str, Any]) -> Locked:
    out, *others = entry["outs"]
    if others:
        raise ValueError("it has several outputs")
    if refusal := problem_of_path(out["path"]):
        raise ValueError(f"the output {out['path']!r} {refusal}")
    if not _DIRECTORY.fullmatch(str(out.get("md5"))):
        raise ValueError(f"the output has no MD5 of a folder, but {out.get('md5')!r}")
    needs = {dep["path"]: dep["md5"] for dep in entry.get("deps") or [] if str(dep.get("md5", "")).endswith(".dir")}
    return Locked(name, Path(out["path"]), out["md5"], needs)


def problem_of_path(path: object) -> str | None:
    """Why a path of DVC is not below the folder that it is relative to; None if it is."""
    if not isinstance(path, str) or not path or "\0" in path:
        return "is not a path"
    if path.startswith("/") or "\\" in path or re.match(r"[A-Za-z]:", path):
        return "is not relative to its folder"
    if PurePosixPath(path).as_posix() != path or ".." in PurePosixPath(path).parts:
        return "is not a normalized path below its folder"
    return None
