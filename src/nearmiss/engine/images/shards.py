"""Arrays of many rows in shards: .npy files of a fixed number of rows, each complete or absent.

Rows are the uint8 pixels of images, or float16 features of frozen parts. A shard is written under a temporary name,
flushed and renamed. Readers see one array.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from nearmiss.base.errors import InputError
from nearmiss.base.files import publish, read_json, write_json
from nearmiss.engine.images.arrays import array_size, open_array, reserve_array

SHARD = 8192
"""Images of a shard. At 224 pixels a shard has 1.2 GB: an interrupted build repeats the decoding of one shard, a minute
on one core, and 3 million images are 367 files, which a process may have open at once."""
_KEY = "key.json"


class ShardedRows:
    """Rows (N, ...) of one type, mapped from shards; indexed like an array, by one row, a slice or an array of rows."""

    def __init__(self, shards: Sequence[np.ndarray]) -> None:
        """`shards` are equally long, except for the last one, which may be shorter."""
        self._shards = shards
        self._size = max(len(shards[0]), 1)
        self.shape: tuple[int, ...] = (sum(map(len, shards)), *shards[0].shape[1:])
        self.dtype = shards[0].dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | slice | np.ndarray) -> np.ndarray:
        """Some rows, in their order: (...) for one, else (n, ...). IndexError outside of them."""
        if len(self._shards) == 1:
            return self._shards[0][rows]
        chosen = np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else np.asarray(rows)
        if chosen.size and not (chosen.min() >= 0 and chosen.max() < len(self)):
            raise IndexError(f"rows {chosen.min()} to {chosen.max()} of {len(self)}")
        if chosen.ndim == 0:
            return self._shards[int(chosen) // self._size][int(chosen) % self._size]
        shards, places = np.divmod(chosen, self._size)
        found = np.empty((len(chosen), *self.shape[1:]), dtype=self.dtype)
        for number in np.unique(shards):
            members = np.flatnonzero(shards == number)
            found[members] = self._shards[number][places[members]]
        return found


Rows = np.ndarray | ShardedRows
"""Rows in memory or mapped: pixels (N, S, S, 3) uint8, or cached features of images (N, ...) float16."""


def shard_name(number: int) -> str:
    """The name of a shard: rows-00000.npy, rows-00001.npy, ..."""
    return f"rows-{number:05d}.npy"


def write_shards(
    folder: Path,
    shape: tuple[int, ...],
    key: str,
    rows: Callable[[Sequence[int]], Iterable[np.ndarray]],
    *,
    dtype: type[np.generic] = np.uint8,
    order: Callable[[int], Any] = int,
    size: int = SHARD,
) -> list[Path]:
    """Write `shape[0]` arrays of `dtype` and shape `shape[1:]` into shards of `size` and return the files.

    Shards that an interrupted call with the same `key` completed are kept; those of another key are removed. `rows`
    yields the arrays of the given row numbers: the rows of the incomplete shards, one shard after the other, sorted by
    `order` within a shard. The space of all shards is reserved before the first array is computed. Raises OSError where
    the disk has no room, and ValueError where an array is of another shape or type, or their number differs.
    """
    _keep_same(folder, key)
    starts = range(0, shape[0], size) or [0]
    shapes = {number: (min(size, shape[0] - start), *shape[1:]) for number, start in enumerate(starts)}
    files = {number: folder / shard_name(number) for number in shapes}
    missing = [number for number, file in files.items() if not _is_whole(file, shapes[number], dtype)]
    members = {number: sorted((number * size + at for at in range(shapes[number][0])), key=order) for number in missing}
    partials = {number: folder / f".{files[number].name}.partial" for number in missing}
    try:
        offsets = {number: reserve_array(partials[number], shapes[number], dtype) for number in missing}
    except OSError:
        for partial in partials.values():
            partial.unlink(missing_ok=True)
        raise
    given = iter(rows([row for number in missing for row in members[number]]))
    with ThreadPoolExecutor(1) as pool:  # flushing a shard would stop the decoding of the next one
        flushed: Future[None] | None = None
        for number in missing:
            expected = np.empty(shape[1:], dtype)
            _fill(partials[number], offsets[number], expected, [row - number * size for row in members[number]], given)
            if flushed is not None:
                flushed.result()
            flushed = pool.submit(publish, partials[number], files[number])
        if flushed is not None:
            flushed.result()
    if next(given, None) is not None:
        raise ValueError(f"more than {shape[0]} rows were given")
    return list(files.values())


def link_shards(files: Sequence[Path], folder: Path) -> None:
    """Add shards to a new folder as links, so that the state keeps them until all results are in place.

    They are moved where links are not supported.
    """
    folder.mkdir(parents=True)
    for file in files:
        try:
            os.link(file, folder / file.name)
        except OSError:
            shutil.move(file, folder / file.name)


def _keep_same(folder: Path, key: str) -> None:
    """Remove incomplete shards, and all of them if they have another key; note the key."""
    folder.mkdir(parents=True, exist_ok=True)
    for partial in folder.glob(".rows-*.npy.partial"):
        partial.unlink()
    note = folder / _KEY
    try:
        same = note.is_file() and read_json(note) == key
    except InputError:  # damaged
        same = False
    if not same:
        for file in folder.glob("rows-*.npy"):
            file.unlink()
        write_json(note, key)


def _is_whole(file: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> bool:
    return file.is_file() and file.stat().st_size == array_size(shape, dtype)


def _fill(file: Path, offset: int, like: np.ndarray, places: Sequence[int], rows: Iterator[np.ndarray]) -> None:
    """Write one array of the shape and type of `like` for each of `places` into a reserved file."""
    with file.open("r+b") as handle:
        for place in places:
            row = next(rows, None)
            if row is None:
                raise ValueError("fewer rows were given than the shape has")
            if row.shape != like.shape or row.dtype != like.dtype:
                problem = f"is {row.dtype} {row.shape}, not {like.dtype} {like.shape}"
                raise ValueError(f"row {place} of {file.name} {problem}")
            handle.seek(offset + place * like.nbytes)
            handle.write(np.ascontiguousarray(row).data)


def open_shards(folder: Path, *, what: str, remedy: str, dtype: type[np.generic] = np.uint8) -> ShardedRows:
    """The shards of a folder as one array of `dtype`; `what` names it in messages.

    Raises InputError where there is none, where one is missing, damaged or has other content, or another length than
    its header states, and where they do not fit together.
    """
    files = sorted(Path(folder).glob("rows-*.npy"))
    for number, file in enumerate(files or [Path(folder) / shard_name(0)]):
        if file.name != shard_name(number) or not files:
            raise InputError(f"{what} are missing", file=Path(folder) / shard_name(number), remedy=remedy)
    shards = [open_array(file, what=what, remedy=remedy, dtype=dtype) for file in files]
    first, last = shards[0], shards[-1]
    for file, shard in zip(files, shards, strict=True):
        fits = shard.ndim == first.ndim > 0 and shard.shape[1:] == first.shape[1:]
        if not fits or len(shard) > len(first) or (shard is not last and len(shard) < len(first)):
            raise InputError(f"{what} are {shard.shape}, those of shard 0 {first.shape}", file=file, remedy=remedy)
    return ShardedRows(shards)
