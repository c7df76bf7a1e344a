"""Arrays of pixels in .npy files that are larger than memory: written row by row, mapped for reading."""

import errno
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from nearmiss.base.errors import InputError


def write_pixels(file: Path, shape: tuple[int, ...], rows: Iterable[np.ndarray]) -> None:
    """Write `shape[0]` uint8 arrays of shape `shape[1:]` as one .npy file, one after the other.

    The space is reserved before the first row is computed, and nothing is mapped into memory: a full disk is an OSError
    at once, not a SIGBUS at some row. Raises ValueError where a row is of another shape or type.
    """
    count = 0

    def checked() -> Iterable[np.ndarray]:
        nonlocal count
        for row in rows:
            if row.shape != shape[1:] or row.dtype != np.uint8:
                raise ValueError(f"row {count} is {row.dtype} {row.shape}, not uint8 {shape[1:]}")
            count += 1
            yield row

    _write(file, shape, checked())
    if count != shape[0]:
        raise ValueError(f"{count} rows were given for {shape[0]}")


def write_flat_pixels(file: Path, sizes: Sequence[int], images: Iterable[np.ndarray]) -> None:
    """Write uint8 arrays of any shapes, of `sizes` values each, as one flat .npy file, one after the other."""
    found = []

    def checked() -> Iterable[np.ndarray]:
        for image in images:
            found.append(image.size)
            yield image

    _write(file, (sum(sizes),), checked())
    if found != list(sizes):
        raise ValueError(f"images of other sizes than {sizes}: {found}")


def _write(file: Path, shape: tuple[int, ...], parts: Iterable[np.ndarray]) -> None:
    with Path(file).open("wb") as handle:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(handle, header)
        handle.flush()
        _reserve(handle.fileno(), handle.tell() + int(np.prod(shape, dtype=np.int64)))
        for part in parts:
            handle.write(np.ascontiguousarray(part).data)
        handle.flush()
        os.fsync(handle.fileno())


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
