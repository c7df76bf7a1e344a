"""Objects of DVC's cache, with verified hashes.

DVC does not verify an object whose file is read-only. So every object that is restored or pushed is read and its MD5
is compared with its name.
"""

import hashlib
import json
import re
from pathlib import Path, PurePosixPath
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.progress import progress
from nearmiss.versions.workspace import (
    LOCKFILE,
    Locked,
    dvc,
    error_text,
    first_error,
    problem_of_path,
    remote_of,
    remote_states,
)

_DIGEST = re.compile(r"[0-9a-f]{32}")


def digest_of(path: Path) -> str:
    """MD5 of a file's bytes, the name of the object."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


class Cache:
    """DVC's cache in this checkout: paths of objects, which exist, and which match their names."""

    def __init__(self) -> None:
        result = dvc("cache", "dir")
        if result.returncode:
            raise InputError(f"DVC cannot be used: {error_text(result)}", file=".dvc/config", remedy="correct the file")
        self.folder = Path(result.stdout.strip()) / "files" / "md5"

    def path(self, digest: str) -> Path:
        """Path of an object, whether it exists or not."""
        return self.folder / digest[:2] / digest[2:]

    def has(self, digest: str) -> bool:
        return self.path(digest).is_file()

    def present(self) -> set[str]:
        """All existing objects."""
        return {f"{file.parent.name}{file.name}" for file in self.folder.glob("??/*") if file.is_file()}

    def is_intact(self, digest: str) -> bool:
        """Whether the bytes of an existing object match its name."""
        return digest_of(self.path(digest)) == digest.removesuffix(".dir")

    def files(self, one: Locked) -> dict[str, str]:
        """Files of a stage's folder, from the object that lists them: relative name -> digest, in order of paths.

        Raises `InputError` for an object that is not a list of files, and for a file outside of the folder.
        """
        names = {}
        for entry in _entries(self.path(one.digest)):
            name, digest = entry.get("relpath"), entry.get("md5")
            problem = problem_of_path(name)
            if problem or not _DIGEST.fullmatch(str(digest)):
                raise InputError(
                    f"a recorded file of stage '{one.stage}' "
                    + (f"{problem}: {name!r}" if problem else f"has no MD5, but {digest!r}"),
                    file=self.path(one.digest),
                    record=f"{one.folder.as_posix()}/",
                    remedy="use a dvc.lock, and a remote, that you trust",
                )
            names[str(name)] = str(digest)
        return {name: names[name] for name in sorted(names, key=PurePosixPath)}

    def wanted(self, stages: list[Locked]) -> dict[str, str]:
        """All known objects of the stages: digest -> a result that it belongs to."""
        found = {}
        for one in stages:
            found[one.digest] = f"{one.folder.as_posix()}/"
            if self.has(one.digest) and self.is_intact(one.digest):
                for name, digest in self.files(one).items():
                    found.setdefault(digest, f"{one.folder.as_posix()}/{name}")
        return found

    def damaged(self, wanted: dict[str, str]) -> dict[str, str]:
        """The existing objects whose bytes do not match their names."""
        present = [digest for digest in wanted if self.has(digest)]
        bad = [one for one in progress(present, what="hash objects", total=len(present)) if not self.is_intact(one)]
        return {digest: wanted[digest] for digest in bad}

    def text(self, digest: str) -> str:
        return self.path(digest).read_text(encoding="utf-8")


def _entries(path: Path) -> list[dict[str, Any]]:
    """The entries of an object that lists files."""
    found = read_json(path)
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise InputError("the object is not a list of files", file=path, remedy="delete it, then restore again")
    return found


def fetch(cache: Cache, stages: list[Locked], remote: str | None = None) -> None:
    """Fetch missing objects of the stages from the remote, and verify that all are intact in the cache.

    Raises `InputError` with the first object that is damaged (in the cache or in the remote) or missing from the
    remote. A damaged object that was just fetched is removed, because DVC would not verify it again.
    """
    there = cache.present()
    known = cache.wanted(stages)
    refuse_damaged(cache, cache.damaged(known))
    missing = {digest: name for digest, name in known.items() if not cache.has(digest)}
    if not missing:
        return
    source = remote_of(remote)
    if source is None:
        raise InputError(
            f"objects that are not in DVC's cache: {len(missing)}; no remote is configured",
            file=".dvc/config",
            record=next(iter(missing.values())),
            remedy="`dvc remote add --default NAME ADDRESS`, then try again",
        )
    result = dvc("fetch", "--remote", source, *(one.stage for one in stages))
    seen = {digest for digest in known if digest not in missing}
    known = cache.wanted(stages)
    damaged = cache.damaged({digest: name for digest, name in known.items() if digest not in seen})
    refuse_damaged(cache, {digest: name for digest, name in damaged.items() if digest in there})
    lacking = {digest: name for digest, name in known.items() if not cache.has(digest)}
    states = _states(source, lacking)
    for digest, (name, state) in states.items():
        known.setdefault(digest, name)
        if state == "damaged":
            damaged[digest] = name
    if damaged:
        for digest in damaged:
            cache.path(digest).unlink(missing_ok=True)
        digest, name = next(iter(damaged.items()))
        raise InputError(
            f"damaged objects in remote '{source}': {len(damaged)}, whose bytes do not match their names",
            file=f"files/md5/{digest[:2]}/{digest[2:]} in '{source}'",
            record=name,
            remedy="delete the object there and `dvc push` again from a checkout that has it",
        )
    absent = [name for name, state in states.values() if state == "absent"]
    if absent:
        detail = f" (DVC: {error_text(result)})" if result.returncode else ""
        raise InputError(
            f"remote '{source}' does not have {len(absent)} of {len(known)} objects{detail}",
            file=LOCKFILE,
            record=absent[0],
            remedy="run `dvc push` in the checkout of the snapshot, or use another remote (--remote)",
        )
    if lacking:
        raise InputError(
            f"remote '{source}' cannot be reached: {first_error(result)}",
            file=".dvc/config",
            record=next(iter(lacking.values())),
            remedy="check its address (dvc remote list), permissions and network, or install the missing package",
        )


def _states(source: str, lacking: dict[str, str]) -> dict[str, tuple[str, str]]:
    """States in a remote of objects that DVC did not fetch: digest -> (result that it belongs to, state).

    Includes the files of an intact list that are not in the cache. Empty if the remote cannot be read.
    """
    if not lacking:
        return {}
    result = remote_states(source, *lacking)
    if result.returncode:
        return {}
    states = {}
    for one in json.loads(result.stdout.splitlines()[-1]):
        name = lacking.get(one.get("list", one["object"]), "") + one.get("name", "")
        states[one["object"]] = (name, one["state"])
    return states


def refuse_damaged(cache: Cache, damaged: dict[str, str]) -> None:
    """Raise `InputError` with the first damaged object of the cache, if there is one."""
    if damaged:
        digest, name = next(iter(damaged.items()))
        raise InputError(
            f"damaged objects in DVC's cache: {len(damaged)}, whose bytes do not match their names",
            file=cache.path(digest),
            record=name,
            remedy="delete this file; a restore fetches the object from the remote, a snapshot creates it again",
        )
