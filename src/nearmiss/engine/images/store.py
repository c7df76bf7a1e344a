"""Images decoded once: memory-mapped shards of uint8 pixels of one size, and the ids of their rows."""

import json
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json
from nearmiss.base.progress import progress
from nearmiss.base.workers import threads_in_order
from nearmiss.engine.images.decode import open_rgb
from nearmiss.engine.images.members import location_of, stat_of
from nearmiss.engine.images.shards import SHARD, link_shards, open_shards, write_shards

PIXELS, IDS = "pixels", "image_ids.json"
"""The folder of the shards, and the ids of the rows of all of them."""
_AHEAD = 4  # images for each worker that wait: more would only fill the memory


def write_store(
    folder: Path,
    ids: Sequence[str],
    files: Sequence[Path],
    side: int,
    resize: Callable[[Image.Image], np.ndarray],
    *,
    state: Path,
    settings: object = None,
    workers: int = 1,
    shard: int = SHARD,
) -> None:
    """Decode `files`, one for each of `ids`, and write `folder/pixels/rows-*.npy` and `folder/image_ids.json`.

    `resize` turns an image into uint8 pixels (side, side, 3); `settings` describes it, in values that JSON has. Images
    are decoded by `workers` threads, `shard` of them a file; those of a tar archive in the order in which they lie
    there. Shards are completed in the folder `state`, where an interrupted call with the same files and settings is
    continued; the caller removes it. Raises InputError at an image that does not decode, and OSError where the disk has
    no room for all of them, before the first is decoded.
    """
    finished = write_shards(
        Path(state),
        (len(ids), side, side, 3),
        _key(ids, files, side, settings, shard),
        lambda rows: _decoded([files[row] for row in rows], resize, workers),
        order=lambda row: (*location_of(files[row]), row),
        size=shard,
    )
    link_shards(finished, Path(folder) / PIXELS)
    write_json(Path(folder) / IDS, list(ids))


def _decoded(files: Sequence[Path], resize: Callable[[Image.Image], np.ndarray], workers: int) -> Iterator[np.ndarray]:
    """The pixels of each file, in order."""
    # Decoding and resizing release the interpreter's lock.
    shown = progress(files, what="decode images", total=len(files))
    return threads_in_order(lambda file: resize(open_rgb(file)), shown, workers=workers, ahead=_AHEAD * workers)


def _key(ids: Sequence[str], files: Sequence[Path], side: int, settings: object, shard: int) -> str:
    """Identifies the pixels that a call writes."""
    digest = sha256(json.dumps([side, settings, shard]).encode())
    for image_id, file in zip(ids, files, strict=True):
        found = stat_of(file)
        digest.update(f"\0{image_id}\0{file}\0{found.st_size}\0{found.st_mtime_ns}".encode())
    return digest.hexdigest()


class Store:
    """An image store, open for reading: `pixels` (N, S, S, 3) uint8, mapped from the shards, and `ids` of the rows."""

    def __init__(self, folder: Path) -> None:
        """Open a store; InputError where it is missing, damaged or inconsistent."""
        self.folder = Path(folder)
        remedy = "make the store again (nearmiss store)"
        self.ids: list[str] = _ids(self.folder / IDS, remedy)
        self.pixels = open_shards(self.folder / PIXELS, what="the store's pixels", remedy=remedy)
        shape = self.pixels.shape
        if len(shape) != 4 or shape[0] != len(self.ids) or shape[1] != shape[2] or shape[3] != 3:
            raise InputError(
                f"the store's pixels are {shape} for {len(self.ids)} ids",
                file=self.folder / PIXELS,
                remedy=remedy,
            )
        self._rows = {image_id: row for row, image_id in enumerate(self.ids)}

    @property
    def side(self) -> int:
        """Side of the images in pixels."""
        return int(self.pixels.shape[1])

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __contains__(self, image_id: str) -> bool:
        return image_id in self._rows

    def row(self, image_id: str) -> int:
        """The row of an image."""
        return self._rows[image_id]


def _ids(file: Path, remedy: str) -> list[str]:
    """The ids of a store's rows: unique strings."""
    ids = read_json(file)
    if not isinstance(ids, list) or not all(isinstance(image_id, str) for image_id in ids):
        raise InputError("the ids of a store must be a list of strings", file=file, remedy=remedy)
    if len(set(ids)) != len(ids):
        twice = next(image_id for row, image_id in enumerate(ids) if image_id in ids[:row])
        raise InputError("an id occurs twice in the store", file=file, record=twice, remedy=remedy)
    return ids
