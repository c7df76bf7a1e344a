"""Downloads entries of the catalog below a data root: plan, files, archives, receipts.

Killed at any moment and started again, it goes on and leaves the same bytes: a file has its name only when it is
complete and checked, archives are unpacked in a folder of their own, and the receipt is written last.
"""

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.base.lifetime import lock
from nearmiss.engine.downloads.catalog import Catalog, Entry, RemoteFile, with_needs
from nearmiss.engine.downloads.fetch import Network, Wanted, discard_part, fetch, finish
from nearmiss.engine.downloads.plan import Plan, check, exists, plan_of, state_of
from nearmiss.engine.downloads.receipts import (
    Checksum,
    forget_checksum,
    lock_file,
    read_checksums,
    receipt_file,
    record_checksum,
    staging_folder,
    write_receipt,
)
from nearmiss.engine.downloads.unpack import DamagedArchive, move_into, unpack


@dataclass
class Downloaded:
    """What a download did."""

    plan: Plan
    recorded: dict[str, Checksum] = field(default_factory=dict)
    """Files whose hash the catalog does not have, by path: it is compared with from now on."""


def download(
    names: Sequence[str],
    root: Path,
    *,
    catalog: Catalog,
    accept: Collection[str] = (),
    offline: bool = False,
    mirror: str | None = None,
    keep_archives: bool = False,
    network: Network | None = None,
) -> Downloaded:
    """Download entries and those they need, as far as they are not there.

    Raises InputError before anything is fetched where the plan cannot be carried out (`plan.check`), and where a file
    cannot be downloaded, has the wrong content, or is an unsafe or damaged archive.
    """
    result = Downloaded(plan_of(with_needs(names, catalog), root))
    check(result.plan, accept, offline=offline, mirror=mirror, by_hand=False)
    for entry in result.plan.todo:
        with lock(lock_file(root, entry.name)):
            if state_of(entry, root) == "downloaded":
                continue  # by another process, while this one waited
            result.recorded |= _download(entry, root, mirror, keep_archives, network or Network())
    for entry in result.plan.done:
        shutil.rmtree(staging_folder(root, entry.name), ignore_errors=True)
    return result


def _download(
    entry: Entry, root: Path, mirror: str | None, keep_archives: bool, network: Network
) -> dict[str, Checksum]:
    """Download one entry; the files whose hashes the catalog does not have."""
    staging = staging_folder(root, entry.name)
    for number, file in enumerate(entry.files):
        if (aside := staging / f"{number}.archive").is_file() and not (root / file.path).exists():
            aside.rename(root / file.path)
    shutil.rmtree(staging, ignore_errors=True)
    receipt_file(root, entry.name).unlink(missing_ok=True)
    own = {file.path for file in entry.files if (root / file.path).is_file()} - set(read_checksums(root))
    checksums = {file.path: _file(file, entry, root, mirror, network) for file in entry.files}
    unpacked: dict[str, dict[str, int]] = {}
    for number, file in enumerate(entry.files):
        if file.unpack:
            archive, folder = root / file.path, staging / str(number)
            free = shutil.disk_usage(root).free
            try:
                found = unpack(archive, file.unpack, folder, file.members, free=free)
            except DamagedArchive:
                if file.path not in own:  # the next run downloads it again, and does not trust its hash
                    archive.unlink()
                    forget_checksum(root, file.path)
                raise
            move_into(folder, root / (file.into or "."))
            unpacked[file.path] = {"files": found.files, "bytes": found.bytes}
    missing = [path for path in entry.provides if not exists(root, path)]
    if missing:
        raise InputError(
            "the download does not have the files that the catalog promises",
            file=root,
            record=", ".join(missing),
            remedy=f"compare the entry {entry.name} of the catalog with the publisher's files",
        )
    if not keep_archives:
        # set aside first: a receipt without its archives is complete, archives without a receipt are unpacked again
        for number, file in enumerate(entry.files):
            if file.unpack and file.path not in own:
                staging.mkdir(parents=True, exist_ok=True)
                (root / file.path).rename(staging / f"{number}.archive")
    write_receipt(root, entry, checksums, unpacked)
    shutil.rmtree(staging, ignore_errors=True)
    return {file.path: checksums[file.path] for file in entry.files if file.sha256 is None}


def _file(file: RemoteFile, entry: Entry, root: Path, mirror: str | None, network: Network) -> Checksum:
    """Download one file, or check the one that is there."""
    target, known = root / file.path, read_checksums(root).get(file.path)
    if target.is_file():
        return _existing(file, target, known)
    urls = [f"{mirror.rstrip('/')}/{file.path}", *file.urls] if mirror else file.urls
    wanted = Wanted(
        name=file.path,
        urls=urls,
        bytes=file.bytes,
        sha256=file.sha256,
        recorded=known.sha256 if known else None,
        gated=entry.gated is not None,
    )
    fetched = fetch(wanted, target, network)
    checksum = Checksum(fetched.sha256, fetched.bytes, fetched.url)
    record_checksum(root, file.path, checksum)
    finish(fetched, target)
    return checksum


def _existing(file: RemoteFile, target: Path, known: Checksum | None) -> Checksum:
    """The checksum of a file that is there. Raises InputError where it is not the one that is expected."""
    size, digest = target.stat().st_size, sha256(target)
    expected = file.sha256 or (known.sha256 if known else None)
    if (file.bytes is not None and size != file.bytes) or expected not in (None, digest):
        raise InputError(
            "a file that exists is not the published one",
            file=target,
            record=f"{size:,} bytes, SHA-256 {digest}; expected {expected or f'{file.bytes:,} bytes'}",
            remedy="move it away and run again",
        )
    discard_part(target)
    return Checksum(digest, size, known.url if known else file.urls[0])
