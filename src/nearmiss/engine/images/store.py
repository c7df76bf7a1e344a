"""Images decoded once: a memory-mapped file of uint8 pixels of one size, and the ids of its rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json
from nearmiss.base.progress import progress
from nearmiss.engine.images.decode import open_rgb
from nearmiss.engine.images.pixels import open_pixels, write_pixels

PIXELS, IDS = "pixels.npy", "image_ids.json"


def write_store(
    folder: Path, ids: Sequence[str], files: Iterable[Path], side: int, resize: Callable[[Image.Image], np.ndarray]
) -> None:
    """Decode `files`, one for each of `ids`, and write `folder/pixels.npy` and `folder/image_ids.json`.

    `resize` turns an image into uint8 pixels (side, side, 3). Raises InputError at an image that does not decode, and
    OSError where the disk has no room for all of them, before the first is decoded.
    """
    rows = (resize(open_rgb(file)) for file in progress(files, what="decode images", total=len(ids)))
    write_pixels(Path(folder) / PIXELS, (len(ids), side, side, 3), rows)
    write_json(Path(folder) / IDS, list(ids))


class Store:
    """An image store, open for reading: `pixels` (N, S, S, 3) uint8, mapped from the file, and `ids` of the rows."""

    def __init__(self, folder: Path) -> None:
        """Open a store; InputError where it is missing, damaged or inconsistent."""
        self.folder = Path(folder)
        remedy = "make the store again (nearmiss store)"
        self.ids: list[str] = _ids(self.folder / IDS, remedy)
        self.pixels = open_pixels(self.folder / PIXELS, what="the store's pixels", remedy=remedy)
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
