"""Unpacks zip and tar archives of unknown origin into a folder of their own, and moves the files to their places.

Refused: absolute paths, '..', links, devices, encrypted members, two members at one place, more members or bytes than
are plausible, and archives that are cut short. Nothing is moved before the whole archive was read and its checksums
were right.
"""

import errno
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Literal, NoReturn

from nearmiss.base.errors import InputError
from nearmiss.base.files import flush_files, partial_of, publish, sha256
from nearmiss.base.progress import progress

MOST_MEMBERS = 2_000_000
LARGEST_RATIO = 100
"""Bytes of all members divided by the bytes of the archive; JSON compresses to a tenth, a bomb to a thousandth."""
_ALWAYS_ALLOWED = 2**24  # bytes, whatever the ratio
_CHUNK = 2**20
_REMEDY = "run again; if it fails again, the publisher's file is damaged"
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, NotImplementedError)


class DamagedArchive(InputError):
    """An archive is cut short, or its checksums are wrong."""


@dataclass(frozen=True)
class Unpacked:
    """Number of files of an archive that were used, and their bytes."""

    files: int
    bytes: int


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    open: Callable[[], IO[bytes]]


def unpack(
    archive: Path, kind: Literal["zip", "tar"], staging: Path, members: Mapping[str, str], *, free: int
) -> Unpacked:
    """Write the members of an archive below `staging`, which is created; `members` as in `RemoteFile`.

    `free` is the space in bytes that they may take. Raises InputError with one message where the archive is damaged,
    unsafe or has none of the members.
    """
    plausible = max(_ALWAYS_ALLOWED, LARGEST_RATIO * archive.stat().st_size)
    staging.mkdir(parents=True)
    written: set[PurePosixPath] = set()
    total = 0
    reader = _zip_members if kind == "zip" else _tar_members
    try:
        for number, member in enumerate(progress(reader(archive), what=f"unpack {archive.name}"), start=1):
            if number > MOST_MEMBERS:
                _refuse(archive, f"the archive has more than {MOST_MEMBERS:,} members", member.name)
            place = _place(_safe(archive, member.name), members)
            if place is None:
                continue
            if place in written:
                _refuse(archive, "two members of the archive have one path", member.name)
            written.add(place)
            total += _write(member, staging / place, min(free, plausible) - total)
            if total > plausible:
                _refuse(archive, f"the archive expands to more than {LARGEST_RATIO} times its size", member.name)
            if total > free:
                raise InputError(
                    "there is too little space on the disk to unpack the archive",
                    file=archive,
                    record=member.name,
                    remedy="make room and run again",
                )
    except _DAMAGED as error:
        raise DamagedArchive(f"the archive is damaged or cut short: {error}", file=archive, remedy=_REMEDY) from None
    if not written:
        raise InputError(
            "the archive has none of the files that are expected in it",
            file=archive,
            record=", ".join(members) or None,
            remedy="compare its content with the catalog's entry",
        )
    flush_files(staging)
    return Unpacked(len(written), total)


def move_into(staging: Path, folder: Path) -> None:
    """Move everything below `staging` to the same path below `folder`.

    A file that exists with the same content stays. Raises InputError, before anything is moved, where one exists with
    another content.
    """
    for source in _files(staging):
        target = folder / source.relative_to(staging)
        if target.is_dir() or (target.is_file() and not _same(source, target)):
            raise InputError(
                "a file that exists differs from the downloaded one",
                file=target,
                remedy="move it away and run again",
            )
    _merge(staging, folder)


def _files(folder: Path) -> Iterator[Path]:
    for base, _, names in os.walk(folder):
        for name in names:
            yield Path(base) / name


def _same(one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size and sha256(one) == sha256(other)


def _merge(source: Path, target: Path) -> None:
    """Move a tree; whole folders where the target has none of that name."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        _rename(source, target)
    elif source.is_dir():
        for child in sorted(source.iterdir()):
            _merge(child, target / child.name)


def _rename(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        if source.is_dir():  # the target's folder is a link to another disk
            target.mkdir()
            for child in sorted(source.iterdir()):
                _rename(child, target / child.name)
            return
        partial = partial_of(target)
        shutil.copyfile(source, partial)
        publish(partial, target)


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                _refuse(archive, "a member of the archive is a link or a device", info.filename)
            if info.flag_bits & 1:
                _refuse(archive, "a member of the archive is encrypted", info.filename)
            if not info.is_dir():
                yield _Member(info.filename, info.file_size, partial(opened.open, info))


def _tar_members(archive: Path) -> Iterator[_Member]:
    with tarfile.open(archive, "r:*") as opened:
        for info in opened:
            if info.isdir():
                _safe(archive, info.name)
                continue
            if not info.isfile():
                _refuse(archive, "a member of the archive is a link or a device", info.name)
            yield _Member(info.name, info.size, partial(_content, opened, info))
        # the checksum of a compressed stream stands at its end
        while opened.fileobj is not None and opened.fileobj.read(_CHUNK):
            pass


def _content(opened: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = opened.extractfile(info)
    assert content is not None  # a regular file
    return content


def _safe(archive: Path, name: str) -> PurePosixPath:
    """The path of a member, where it stays inside of the folder that it is unpacked into."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or name[1:2] == ":":
        _refuse(archive, "the path of a member leaves the folder that it is unpacked into", name)
    return path


def _place(path: PurePosixPath, members: Mapping[str, str]) -> PurePosixPath | None:
    """Where a member goes; None for one that is not used."""
    if path.parts[:1] == ("__MACOSX",) or path.name in (".DS_Store", ""):
        return None
    if not members:
        return path
    for key, place in members.items():
        if "*" in key:
            if fnmatchcase(str(path), key):
                return PurePosixPath(place) / path.name
        elif path == PurePosixPath(key):
            return PurePosixPath(place)
        elif path.is_relative_to(key):
            return PurePosixPath(place) / path.relative_to(key)
    return None


def _write(member: _Member, target: Path, room: int) -> int:
    """Copy a member, whatever size its header states; its bytes. Stops where they are more than `room`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with member.open() as source, target.open("xb") as handle:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > room:
                return size
            handle.write(chunk)
    if size != member.size:
        raise EOFError(f"{member.name} has {size:,} of {member.size:,} bytes")
    return size


def _refuse(archive: Path, problem: str, member: str) -> NoReturn:
    raise InputError(
        problem, file=archive, record=repr(member)[:200], remedy="do not use this archive; report it to its publisher"
    )
