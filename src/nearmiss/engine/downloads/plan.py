"""What a download would do: what exists, what is missing, bytes, disk space, minutes, and what is fetched by hand."""

import os
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nearmiss.base.errors import InputError
from nearmiss.engine.downloads.catalog import Entry, RemoteFile
from nearmiss.engine.downloads.fetch import part_of
from nearmiss.engine.downloads.receipts import read_checksums, read_receipt
from nearmiss.engine.downloads.spec import EVERY

State = Literal["downloaded", "present", "partial", "missing"]
RATE = 10e6
"""Bytes a second that the expected time is computed with."""


@dataclass(frozen=True)
class Plan:
    """A download of several entries, before it starts."""

    root: Path
    todo: list[Entry] = field(default_factory=list)
    """Entries to download."""
    done: list[Entry] = field(default_factory=list)
    """Entries whose files exist."""
    by_hand: list[Entry] = field(default_factory=list)
    """Entries whose files are missing and must be fetched by hand."""
    fetch: int = 0
    """Bytes to fetch, as far as sizes are known."""
    unsized: list[str] = field(default_factory=list)
    """Files whose sizes are not known."""
    disk: int = 0
    """Bytes that are needed on the disk at most: archives and what they expand to."""
    free: int = 0

    @property
    def minutes(self) -> float:
        """Expected minutes at `RATE`."""
        return self.fetch / RATE / 60


def state_of(entry: Entry, root: Path) -> State:
    """The state of an entry below a data root.

    Files without a receipt are the user's own, unless their checksums were recorded: then a download was interrupted.
    """
    if all(exists(root, path) for path in entry.provides):
        if read_receipt(root, entry.name) is not None:
            return "downloaded"
        known = read_checksums(root)
        return "partial" if any(file.path in known for file in entry.files) else "present"
    started = any(exists(root, path) for path in entry.provides)
    started |= any((root / file.path).exists() or part_of(root / file.path).exists() for file in entry.files)
    return "partial" if started else "missing"


def exists(root: Path, path: str) -> bool:
    """Whether a file, a folder that is not empty, or a match of a pattern exists below a root."""
    if "*" in path:
        return next(root.glob(path), None) is not None
    found = root / path
    return found.is_file() or (found.is_dir() and next(found.iterdir(), None) is not None)


def plan_of(entries: Sequence[Entry], root: Path) -> Plan:
    """The plan of a download of these entries. Uses no network."""
    todo: list[Entry] = []
    done: list[Entry] = []
    by_hand: list[Entry] = []
    fetch, disk = 0, 0
    unsized: list[str] = []
    for entry in entries:
        if state_of(entry, root) in ("downloaded", "present"):
            done.append(entry)
        elif entry.by_hand is not None:
            by_hand.append(entry)
        else:
            todo.append(entry)
            for file in entry.files:
                missing = _missing(file, root)
                fetch += missing
                disk += missing + (round((file.size or 0) * file.expansion) if file.unpack else 0)
                if file.size is None:
                    unsized.append(file.path)
    return Plan(root, todo, done, by_hand, fetch, unsized, disk, shutil.disk_usage(_existing(root)).free)


def _missing(file: RemoteFile, root: Path) -> int:
    """Bytes of a file that are still to be fetched."""
    target = root / file.path
    if target.is_file() or file.size is None:
        return 0
    part = part_of(target)
    return max(0, file.size - (part.stat().st_size if part.is_file() else 0))


def _existing(root: Path) -> Path:
    """The folder itself or the nearest one above it that exists."""
    return next(folder for folder in (root.absolute(), *root.absolute().parents) if folder.is_dir())


def check(
    plan: Plan,
    accept: Collection[str],
    *,
    offline: bool,
    mirror: str | None = None,
    by_hand: bool = True,
    disk: bool = True,
) -> None:
    """Raise one InputError with everything that keeps a plan from being carried out.

    `by_hand` includes what must be fetched by hand, `disk` the space and the permission to write on this machine. A
    mirror may have gated files without a token.
    """
    problems: list[str] = []
    if plan.todo and offline:
        problems.append(f"offline, and files are missing: {_names(plan.todo)}")
    unaccepted = [entry for entry in plan.todo if not {EVERY, entry.name} & set(accept)]
    problems += [f"license not accepted: {entry.name} ({license_text(entry)})" for entry in unaccepted]
    gated = [entry for entry in plan.todo if entry.gated and not mirror and not os.environ.get("HF_TOKEN")]
    problems += [f"token missing: {entry.name} needs an account at Hugging Face and HF_TOKEN" for entry in gated]
    missing = [entry for entry in plan.by_hand if by_hand and entry.by_hand and not entry.by_hand.optional]
    problems += [f"to fetch by hand: {by_hand_text(entry)}" for entry in missing]
    full = disk and bool(plan.todo) and plan.disk > plan.free
    if full:
        problems.append(f"too little disk space: {size_text(plan.disk)} needed, {size_text(plan.free)} free")
    folder = _existing(plan.root)
    if disk and plan.todo and not os.access(folder, os.W_OK | os.X_OK):
        problems.append(f"no permission to write into {folder}")
    if not problems:
        return
    remedies = []
    if unaccepted:
        names = " ".join(entry.name for entry in unaccepted)
        accepted = f"--set 'download.accept=[{names.replace(' ', ', ')}]'"
        remedies.append(f"read the licenses, then --accept {names}, or {accepted} for an experiment")
    if full:
        remedies.append("make room, or name another root")
    raise InputError(
        "the download cannot start:\n" + "\n".join(f"  - {problem}" for problem in problems),
        file=plan.root,
        remedy="; ".join(remedies) or "correct what the message lists, then run again; nothing was downloaded",
    )


def license_text(entry: Entry) -> str:
    """The license of an entry and its address."""
    return f"{entry.license.name}, {entry.license.url}" if entry.license.url else entry.license.name


def by_hand_text(entry: Entry) -> str:
    """Instructions for an entry that is fetched by hand, and the place of its files."""
    assert entry.by_hand is not None
    return f"{entry.name}: {entry.by_hand.instructions.strip()} Files go to {', '.join(entry.by_hand.provides)}."


def size_text(size: float) -> str:
    """A number of bytes in decimal units, with three digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def _names(entries: Sequence[Entry]) -> str:
    return ", ".join(entry.name for entry in entries)
