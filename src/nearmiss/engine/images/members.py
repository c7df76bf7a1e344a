"""Image files inside of tar archives, addressed by path: `shards/00000.tar//000123.jpg` is a member of an archive.

A path is split at the archive, a regular file whose name ends with `.tar`. The doubled slash separates archive and
member in tables; pathlib collapses it, so that a joined path has a single one, and both are read. Archives are
uncompressed, and a member is read through an index of offsets, which is built once for an archive and process.
"""

import hashlib
import os
import tarfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from nearmiss.base.errors import InputError, reason

SUFFIX, SEPARATOR = ".tar", "//"
_ARCHIVES = 64  # indexes that a process keeps


class Member(NamedTuple):
    """Location of a member's content in its archive, in bytes."""

    offset: int
    size: int


class ArchiveIndex(NamedTuple):
    """The regular files of an archive by name, in the order of the archive, and what is wrong with it.

    Of several members of one name the last counts, as in tarfile; `repeated` holds such names. Links, folders and
    sparse files are left out. `flaw` is None for an archive that is whole; else `members` are those before the damage.
    """

    members: dict[str, Member]
    repeated: frozenset[str]
    flaw: str | None


def archive_index(archive: Path) -> ArchiveIndex:
    """The index of an uncompressed tar archive.

    Raises `InputError` where the archive is missing or compressed, and where its start is no tar archive.
    """
    try:
        status = archive.stat()
    except (OSError, ValueError) as error:
        raise InputError(f"an archive cannot be read: {error}", file=archive, remedy="correct the path") from None
    return _index(str(archive), status.st_size, status.st_mtime_ns, status.st_ino)


@lru_cache(maxsize=_ARCHIVES)
def _index(archive: str, size: int, modified: int, inode: int) -> ArchiveIndex:
    """The index of an archive in this state; a replaced archive has another state."""
    members: dict[str, Member] = {}
    repeated: set[str] = set()
    flaw = None
    try:
        with tarfile.open(archive, "r:") as opened:
            for entry in opened:
                if not entry.isreg() or entry.issparse():
                    continue
                if entry.offset_data + entry.size > size:
                    flaw = "the archive is truncated"
                    break
                if entry.name in members:
                    repeated.add(entry.name)
                members[entry.name] = Member(entry.offset_data, entry.size)
            flaw = flaw or _flaw_at_end(archive, opened.offset)
    except OSError as error:
        raise InputError(f"an archive cannot be read: {reason(error)}", file=archive) from None
    except (tarfile.TarError, ValueError) as error:
        flaw = "the archive is truncated" if "unexpected end" in str(error) else "the archive is damaged"
        if not members:
            raise _no_archive(archive) from None
    return ArchiveIndex(members, frozenset(repeated), flaw)


def _flaw_at_end(archive: str, offset: int) -> str | None:
    """What is wrong with the block that tarfile takes for the end of an archive: a whole archive ends with zeros."""
    with Path(archive).open("rb") as handle:
        handle.seek(offset)
        block = handle.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        return "the archive is truncated"
    return "the archive is damaged" if block.strip(b"\0") else None


def _no_archive(archive: str) -> InputError:
    with Path(archive).open("rb") as handle:
        compressed = handle.read(6).startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"))
    if compressed:
        return InputError("an archive is compressed", file=archive, remedy="decompress it: members are read in place")
    return InputError("the file is no tar archive", file=archive, remedy="restore the file from its source")


def split_member(path: Path) -> tuple[Path, str] | None:
    """The archive and the name of a member; None for a path that leads into no archive."""
    parts = path.parts
    for end, part in enumerate(parts[:-1], start=1):
        if part.endswith(SUFFIX) and (archive := Path(*parts[:end])).is_file():
            return archive, "/".join(parts[end:])
    return None


def read_content(path: Path) -> bytes:
    """The bytes of a file, or of a member of an archive. Raises FileNotFoundError, OSError or `InputError`."""
    found = split_member(path)
    if found is None:
        return path.read_bytes()
    archive, name = found
    member = _member(archive, name)
    with archive.open("rb") as handle:
        handle.seek(member.offset)
        content = handle.read(member.size)
    if len(content) != member.size:
        raise InputError("an archive was truncated while it was read", file=archive, remedy="restore the file")
    return content


def stat_of(path: Path) -> os.stat_result:
    """The status of a file; of a member, that of its archive. Raises FileNotFoundError where there is none."""
    found = split_member(path)
    if found is None:
        return path.stat()
    _member(*found)
    return found[0].stat()


def location_of(path: Path) -> tuple[str, int]:
    """The archive of a member and its offset there; ("", 0) for a file. Sorted by it, archives are read in one pass."""
    found = split_member(path)
    return ("", 0) if found is None else (str(found[0]), _member(*found).offset)


def size_of(path: Path) -> int | None:
    """Bytes of a regular file or of a member of an archive; None where there is none."""
    found = split_member(path)
    if found is None:
        return path.stat().st_size if path.is_file() else None
    try:
        return _member(*found).size
    except (FileNotFoundError, InputError):
        return None


def content_sha256(path: Path) -> str:
    """SHA-256 of the bytes of a file or of a member."""
    return hashlib.sha256(read_content(path)).hexdigest()


def _member(archive: Path, name: str) -> Member:
    """The location of a member, by its name as a path: `./a.jpg` is found as `a.jpg`."""
    members = archive_index(archive).members
    found = members.get(name) or members.get(f"./{name}")
    if found is None:
        raise FileNotFoundError(f"{archive} has no member {name}")
    return found
