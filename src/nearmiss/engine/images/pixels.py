"""Arrays of pixels in .npy files that are larger than memory: written row by row, mapped for reading."""

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json

_RECORDED = 1024  # rows after which an unfinished file records how far it is


def write_pixels(file: Path, shape: tuple[int, ...], key: str, rows: Callable[[int], Iterable[np.ndarray]]) -> None:
    """Write `shape[0]` uint8 arrays of shape `shape[1:]` as one .npy file, one after the other.

    `rows(n)` yields the rows from number n on: what an interrupted call with the same `key` wrote is continued. Beside
    the file, FILE.json records the key and how many rows are on the disk; it is removed at the end. The bytes are those
    of an uninterrupted call.

    The space is reserved before the first row is computed, and nothing is mapped into memory: a full disk is an OSError
    at once, not a SIGBUS at some row. Raises ValueError where a row is of another shape or type.
    """
    file, record = Path(file), Path(f"{file}.json")
    header = _header(shape)
    size = int(np.prod(shape[1:], dtype=np.int64))
    whole = len(header) + shape[0] * size
    state = read_json(record) if record.is_file() and file.is_file() and file.stat().st_size == whole else {}
    count = state["rows"] if state.get("key") == key else 0
    if not count:
        with file.open("wb") as handle:
            handle.write(header)
            handle.flush()
            _reserve(handle.fileno(), whole)
            handle.truncate(whole)
    with file.open("r+b") as handle:
        handle.seek(len(header) + count * size)
        for row in rows(count):
            if row.shape != shape[1:] or row.dtype != np.uint8:
                raise ValueError(f"row {count} is {row.dtype} {row.shape}, not uint8 {shape[1:]}")
            handle.write(np.ascontiguousarray(row).data)
            count += 1
            if count % _RECORDED == 0:
                handle.flush()
                os.fsync(handle.fileno())
                write_json(record, {"key": key, "rows": count})
        handle.flush()
        os.fsync(handle.fileno())
    if count != shape[0]:
        raise ValueError(f"{count} rows were given for {shape[0]}")
    record.unlink(missing_ok=True)


def write_flat_pixels(file: Path, sizes: Sequence[int], images: Iterable[np.ndarray]) -> None:
    """Write uint8 arrays of any shapes, of `sizes` values each, as one flat .npy file, one after the other."""
    shape, found = (sum(sizes),), []
    with Path(file).open("wb") as handle:
        handle.write(_header(shape))
        handle.flush()
        _reserve(handle.fileno(), handle.tell() + shape[0])
        for image in images:
            found.append(image.size)
            handle.write(np.ascontiguousarray(image).data)
        handle.flush()
        os.fsync(handle.fileno())
    if found != list(sizes):
        raise ValueError(f"images of other sizes than {sizes}: {found}")


def _header(shape: tuple[int, ...]) -> bytes:
    written = BytesIO()
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(written, header)
    return written.getvalue()


def open_pixels(file: Path, *, what: str, remedy: str) -> np.ndarray:
    """The uint8 array in a .npy file, mapped for reading; `what` names it in messages.

    Raises InputError where the file is missing, damaged, has other content, or another length than its header states.
    """
    file = Path(file)
    try:
        pixels = np.lib.format.open_memmap(file, mode="r")
    except FileNotFoundError:
        raise InputError(f"{what} are missing", file=file, remedy=remedy) from None
    except Exception as error:  # numpy raises many types on an invalid header
        raise InputError(f"{what} do not load: {error}", file=file, remedy=remedy) from None
    expected = pixels.offset + pixels.nbytes
    if pixels.dtype != np.uint8 or not pixels.flags.c_contiguous or file.stat().st_size != expected:
        raise InputError(
            f"{what} do not load: the header states {pixels.dtype} {pixels.shape}, which are {expected} bytes, and has "
            f"{file.stat().st_size}",
            file=file,
            remedy=remedy,
        )
    return pixels


def _reserve(handle: int, size: int) -> None:
    """Reserve the space of a file where the file system supports it; elsewhere a write fails when the disk is full."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(handle, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
