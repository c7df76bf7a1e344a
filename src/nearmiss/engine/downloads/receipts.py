"""Records of downloads below a data root: receipts of entries, and the checksums of files.

Neither holds a date, so that the same download has the same bytes. `checksums.tsv` is what trust on first use compares
with: the SHA-256 of each file as it was first downloaded.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_text, write_json, write_text
from nearmiss.base.lifetime import lock
from nearmiss.engine.downloads.catalog import OWN_FOLDER, Entry

_COLUMNS = ("path", "sha256", "bytes", "url")


@dataclass(frozen=True)
class Checksum:
    """A downloaded file: its hash, its size in bytes, and the address it came from."""

    sha256: str
    bytes: int
    url: str


def receipt_file(root: Path, name: str) -> Path:
    """Where the receipt of an entry lies."""
    return root / OWN_FOLDER / "receipts" / f"{name}.json"


def lock_file(root: Path, name: str) -> Path:
    """The lock that a process holds while it downloads an entry."""
    return root / OWN_FOLDER / "locks" / f"{name}.lock"


def staging_folder(root: Path, name: str) -> Path:
    """Where archives of an entry are unpacked before their files are moved."""
    return root / OWN_FOLDER / "unpack" / name


def read_receipt(root: Path, name: str) -> dict[str, Any] | None:
    """The receipt of an entry; None where there is none, or one that cannot be read."""
    try:
        content = json.loads(receipt_file(root, name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_receipt(root: Path, entry: Entry, files: dict[str, Checksum], unpacked: dict[str, dict[str, int]]) -> None:
    """Write the receipt of an entry, last of all; one that has the same content stays untouched."""
    content = {
        "name": entry.name,
        "license_accepted": entry.license.name,
        "files": [
            {"path": path, "sha256": each.sha256, "bytes": each.bytes, "url": each.url}
            for path, each in sorted(files.items())
        ],
        "unpacked": unpacked,
    }
    if read_receipt(root, entry.name) != content:
        write_json(receipt_file(root, entry.name), content)


def checksums_file(root: Path) -> Path:
    """Where the checksums of downloaded files lie."""
    return root / OWN_FOLDER / "checksums.tsv"


def read_checksums(root: Path) -> dict[str, Checksum]:
    """Path below the root -> checksum. Raises InputError where the file is malformed."""
    file = checksums_file(root)
    if not file.is_file():
        return {}
    found: dict[str, Checksum] = {}
    for number, line in enumerate(read_text(file).splitlines()[1:], start=2):
        cells = line.split("\t")
        if len(cells) != len(_COLUMNS) or not cells[2].isdigit():
            raise InputError(
                "a line of the checksums is malformed",
                file=file,
                record=f"line {number}",
                remedy="remove the line; the file that it names is then trusted as it is downloaded next",
            )
        path, digest, size, url = cells
        found[path] = Checksum(digest, int(size), url)
    return found


def record_checksum(root: Path, path: str, checksum: Checksum) -> None:
    """Add a file to the checksums, or replace its line; safe among several processes."""
    with lock(lock_file(root, "checksums")):
        known = read_checksums(root)
        if known.get(path) != checksum:
            _write_checksums(root, {**known, path: checksum})


def forget_checksum(root: Path, path: str) -> None:
    """Remove a file from the checksums, so that its next download is trusted."""
    with lock(lock_file(root, "checksums")):
        _write_checksums(root, {name: each for name, each in read_checksums(root).items() if name != path})


def _write_checksums(root: Path, known: dict[str, Checksum]) -> None:
    lines = ["\t".join(_COLUMNS)]
    lines += [f"{name}\t{each.sha256}\t{each.bytes}\t{each.url}" for name, each in sorted(known.items())]
    write_text(checksums_file(root), "\n".join(lines) + "\n")
