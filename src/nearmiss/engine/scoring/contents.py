"""Contents of image files: the SHA-256 of their bytes and their size in pixels. Embeddings are keyed by content.

A relative name, a size in bytes and a time do not identify an image: they may be equal in two data roots. Hashes are
cached in a table next to the embeddings, by path, size, times and inode, so that a second run reads no image files.
"""

import hashlib
import os
import stat
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import polars as pl

from nearmiss.base.checked import discard, read_checked, write_checked
from nearmiss.base.errors import InputError
from nearmiss.base.progress import progress
from nearmiss.engine.images.decode import open_image
from nearmiss.engine.images.members import read_content, stat_of

_STEM, _SUFFIX = "contents", ".parquet"
_THREADS = 4
_SETTLED = (
    2_000_000_000  # ns without a change before the hash of a file is cached, because file system clocks are coarse
)
_STATUS = ("size", "modified", "changed", "inode", "device")
_SCHEMA = pl.Schema(
    {
        "path": pl.Binary,  # a name may not be UTF-8
        **dict.fromkeys(_STATUS, pl.Int64),
        "digest": pl.String,
        "width": pl.Int64,
        "height": pl.Int64,
    }
)
_Key = tuple[bytes, int, int, int, int, int]  # a path and its status


@dataclass(frozen=True)
class Content:
    """The content of a file: the SHA-256 of its bytes, and width and height in pixels, None if it is not an image."""

    digest: str
    size: tuple[int, int] | None


def contents(files: Mapping[str, Path], folder: Path) -> dict[str, Content]:
    """The content of each file by its name in `files`; missing and unreadable files are omitted.

    Results are cached in `folder`.
    """
    known, read = _known(Path(folder))
    found: dict[str, Content] = {}
    unknown: list[tuple[str, _Key]] = []
    for name, file in files.items():
        status = _status(file)
        if status is None:
            continue
        # resolve() would query the file system for every folder of the path
        key = (os.fsencode(os.path.abspath(file)), *status)  # noqa: PTH100
        if (before := known.get(key)) is not None:
            found[name] = before
        else:
            unknown.append((name, key))
    new: dict[_Key, Content] = {}
    with ThreadPoolExecutor(_THREADS) as pool:
        made = pool.map(lambda each: _read(files[each[0]]), unknown)
        for (name, key), content in zip(unknown, progress(made, what="hash images", total=len(unknown)), strict=True):
            if content is not None:
                found[name] = content
                if max(key[2], key[3]) < time.time_ns() - _SETTLED:
                    new[key] = content
    if new:
        paths = {key[0] for key in new}
        _write(Path(folder), {key: value for key, value in known.items() if key[0] not in paths} | new)
        for file in read:
            file.unlink(missing_ok=True)
    return found


def _status(file: Path) -> tuple[int, int, int, int, int] | None:
    """The columns `_STATUS`, which change with a regular file or the archive of a member; None without a file."""
    try:
        status = stat_of(file)
    except (OSError, ValueError, InputError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    wide = (1 << 63) - 1  # inodes may have 64 bits
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino & wide, status.st_dev & wide


def _read(file: Path) -> Content | None:
    try:
        content = read_content(file)
    except (OSError, InputError):
        return None
    return content_of(content)


def content_of(content: bytes) -> Content:
    """The content of an image file's bytes."""
    try:
        with open_image(content) as image:
            size = image.size
    except InputError:
        size = None
    return Content(hashlib.sha256(content).hexdigest(), size)


def _known(folder: Path) -> tuple[dict[_Key, Content], list[Path]]:
    """The cached contents of earlier runs, and their files."""
    found: dict[_Key, Content] = {}
    read: list[Path] = []
    for file, content in read_checked(folder, _STEM, _SUFFIX):
        try:
            frame = pl.read_parquet(BytesIO(content)).select(_SCHEMA.names()).cast(_SCHEMA)
        except pl.exceptions.PolarsError:
            discard(file)
            continue
        read.append(file)
        for *key, digest, width, height in frame.iter_rows():
            found[tuple(key)] = Content(digest, None if width is None else (width, height))
    return found, read


def _write(folder: Path, known: Mapping[_Key, Content]) -> None:
    rows = [
        (*key, content.digest, *(content.size if content.size is not None else (None, None)))
        for key, content in sorted(known.items())
    ]
    written = BytesIO()
    pl.DataFrame(rows, schema=_SCHEMA, orient="row").write_parquet(written, statistics=False)
    write_checked(folder, _STEM, _SUFFIX, written.getvalue())
