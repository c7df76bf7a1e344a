"""Arrays in .npy files: reserved on the disk before they are computed, and mapped for reading."""

import errno
import os
from collections.abc import Iterable, Sequence
from io import BytesIO
from math import prod
from pathlib import Path

import numpy as np

from nearmiss.base.errors import InputError


def reserve_array(file: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> int:
    """Create a .npy file of zeros with its space reserved on the disk. Returns the offset of the first value.

    Nothing is mapped into memory: a full disk is an OSError here, and never a SIGBUS at some later row.
    """
    header, size = _header(shape, dtype), array_size(shape, dtype)
    with Path(file).open("wb") as handle:
        handle.write(header)
        handle.flush()
        _reserve(handle.fileno(), size)
        handle.truncate(size)
    return len(header)


def array_size(shape: tuple[int, ...], dtype: type[np.generic]) -> int:
    """Bytes of a .npy file."""
    return len(_header(shape, dtype)) + prod(shape) * np.dtype(dtype).itemsize


def write_flat_pixels(file: Path, sizes: Sequence[int], images: Iterable[np.ndarray]) -> None:
    """Write uint8 arrays of any shapes, of `sizes` values each, as one flat .npy file, one after the other."""
    shape, found = (sum(sizes),), []
    with Path(file).open("wb") as handle:
        handle.write(_header(shape, np.uint8))
        handle.flush()
        _reserve(handle.fileno(), handle.tell() + shape[0])
        for image in images:
            found.append(image.size)
            handle.write(np.ascontiguousarray(image).data)
        handle.flush()
        os.fsync(handle.fileno())
    if found != list(sizes):
        raise ValueError(f"images of other sizes than {sizes}: {found}")


def _header(shape: tuple[int, ...], dtype: type[np.generic]) -> bytes:
    written = BytesIO()
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(written, header)
    return written.getvalue()


def open_array(file: Path, *, what: str, remedy: str, dtype: type[np.generic] = np.uint8) -> np.ndarray:
    """The array of `dtype` in a .npy file, mapped for reading; `what` names it in messages.

    Raises InputError where the file is missing, damaged, has other content, or another length than its header states.
    """
    file = Path(file)
    try:
        found = np.lib.format.open_memmap(file, mode="r")
    except FileNotFoundError:
        raise InputError(f"{what} are missing", file=file, remedy=remedy) from None
    except Exception as error:  # numpy raises many types on an invalid header
        raise InputError(f"{what} do not load: {error}", file=file, remedy=remedy) from None
    expected = found.offset + found.nbytes
    if found.dtype != dtype or not found.flags.c_contiguous or file.stat().st_size != expected:
        raise InputError(
            f"{what} do not load: the header states {found.dtype} {found.shape}, which are {expected} bytes, and has "
            f"{file.stat().st_size}",
            file=file,
            remedy=remedy,
        )
    return found


def _reserve(handle: int, size: int) -> None:
    """Reserve the space of a file where the file system supports it; elsewhere a write fails when the disk is full."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(handle, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
