"""Objects of DVC's cache, which are hashed here and not trusted.

DVC takes an object for whole when its file is read-only. So every object that is about to be restored or sent away is
read and set against its name, which is the MD5 of its bytes.
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
    first_error,
    last_words,
    problem_of_path,
    remote_of,
    remote_states,
)

_DIGEST = re.compile(r"[0-9a-f]{32}")


def digest_of(path: Path) -> str:
    """MD5 of a file's bytes, which is an object's name."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


class Cache:
    """DVC's cache in this checkout: where objects lie, which are there, and which are what their names say."""

    def __init__(self) -> None:
        answer = dvc("cache", "dir")
        if answer.returncode:
            raise InputError(f"DVC cannot be used: {last_words(answer)}", file=".dvc/config", remedy="correct the file")
        self.folder = Path(answer.stdout.strip()) / "files" / "md5"

    def path(self, digest: str) -> Path:
        """Where an object lies, present or not."""
        return self.folder / digest[:2] / digest[2:]

    def has(self, digest: str) -> bool:
        return self.path(digest).is_file()

    def present(self) -> set[str]:
        """Every object that is there."""
        return {f"{file.parent.name}{file.name}" for file in self.folder.glob("??/*") if file.is_file()}

    def is_whole(self, digest: str) -> bool:
        """Whether the bytes of a present object are those that its name promises."""
        return digest_of(self.path(digest)) == digest.removesuffix(".dir")

    def files(self, one: Locked) -> dict[str, str]:
        """Files of a stage's folder, from the object that lists them: relative name -> digest, in order of paths.

        Raises `InputError` for an object that is no list of files, and for a file that would lie outside the folder.
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
        """Every object that the stages need and that is known so far: digest -> a result that it belongs to."""
        found = {}
        for one in stages:
            found[one.digest] = f"{one.folder.as_posix()}/"
            if self.has(one.digest) and self.is_whole(one.digest):
                for name, digest in self.files(one).items():
                    found.setdefault(digest, f"{one.folder.as_posix()}/{name}")
        return found

    def damaged(self, wanted: dict[str, str]) -> dict[str, str]:
        """Those present objects whose bytes are not what their names promise."""
        present = [digest for digest in wanted if self.has(digest)]
        bad = [one for one in progress(present, what="hash objects", total=len(present)) if not self.is_whole(one)]
        return {digest: wanted[digest] for digest in bad}

    def text(self, digest: str) -> str:
        return self.path(digest).read_text(encoding="utf-8")


def _entries(path: Path) -> list[dict[str, Any]]:
    """The entries of an object that lists files."""
    found = read_json(path)
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise InputError("the object is no list of files", file=path, remedy="delete it, then restore again")
    return found


def fetch(cache: Cache, stages: list[Locked], remote: str | None = None) -> None:
    """Make sure that every object of the stages is in the cache and whole; what is missing comes from the remote.

    Raises `InputError` that names the first object that is damaged (in the cache or in the remote) or that no remote
    has. A damaged object that has just come is removed again, because DVC would trust it from now on.
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
            f"objects that are not in DVC's cache: {len(missing)}; no remote is configured to bring them from",
            file=".dvc/config",
            record=next(iter(missing.values())),
            remedy="`dvc remote add --default NAME ADDRESS`, then try again",
        )
    answer = dvc("fetch", "--remote", source, *(one.stage for one in stages))
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
            f"damaged objects in remote '{source}': {len(damaged)}, whose bytes are not what the names promise",
            file=f"files/md5/{digest[:2]}/{digest[2:]} in '{source}'",
            record=name,
            remedy="delete the object there and `dvc push` again from a checkout that has it",
        )
    absent = [name for name, state in states.values() if state == "absent"]
    if absent:
        cause = f" (DVC: {last_words(answer)})" if answer.returncode else ""
        raise InputError(
            f"remote '{source}' does not have {len(absent)} of {len(known)} objects{cause}",
            file=LOCKFILE,
            record=absent[0],
            remedy="`dvc push` in the checkout that made the snapshot, or name another remote (--remote)",
        )
    if lacking:
        raise InputError(
            f"remote '{source}' cannot be reached: {first_error(answer)}",
            file=".dvc/config",
            record=next(iter(lacking.values())),
            remedy="check its address (dvc remote list), your rights and the network, or install what is named",
        )


def _states(source: str, lacking: dict[str, str]) -> dict[str, tuple[str, str]]:
    """What a remote holds of objects that DVC did not bring: digest -> (result that it belongs to, state).

    The files of a whole list are among them where they are not in the cache. Empty where the remote cannot be read.
    """
    if not lacking:
        return {}
    answer = remote_states(source, *lacking)
    if answer.returncode:
        return {}
    states = {}
    for one in json.loads(answer.stdout.splitlines()[-1]):
        name = lacking.get(one.get("list", one["object"]), "") + one.get("name", "")
        states[one["object"]] = (name, one["state"])
    return states


def refuse_damaged(cache: Cache, damaged: dict[str, str]) -> None:
    """An `InputError` that names the first of the cache's damaged objects; nothing where there is none."""
    if damaged:
        digest, name = next(iter(damaged.items()))
        raise InputError(
            f"damaged objects in DVC's cache: {len(damaged)}, whose bytes are not what the names promise",
            file=cache.path(digest),
            record=name,
            remedy="delete this file; a restore then brings the object from the remote, and a snapshot makes it again",
        )
