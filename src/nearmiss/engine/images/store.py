"""Images decoded once: a memory-mapped file of uint8 pixels of one size, and the ids of its rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json
from nearmiss.base.progress import progress
from nearmiss.engine.images.decode import open_rgb

PIXELS, IDS = "pixels.npy", "image_ids.json"


def write_store(
    folder: Path, ids: Sequence[str], files: Iterable[Path], side: int, resize: Callable[[Image.Image], np.ndarray]
) -> None:
    """Decode `files`, one for each of `ids`, and write `folder/pixels.npy` and `folder/image_ids.json`.

    `resize` turns an image into uint8 pixels (side, side, 3). Raises InputError at an image that does not decode.
    """
    pixels = np.lib.format.open_memmap(
        Path(folder) / PIXELS, mode="w+", dtype=np.uint8, shape=(len(ids), side, side, 3)
    )
    for row, file in enumerate(progress(files, what="decode images", total=len(ids))):
        pixels[row] = resize(open_rgb(file))
    pixels.flush()
    write_json(Path(folder) / IDS, list(ids))


class Store:
    """A store opened for reading: `pixels` (N, S, S, 3) uint8, mapped from the file, and `ids` of the rows."""

    def __init__(self, folder: Path) -> None:
        """Open a store; InputError where it is missing, damaged or inconsistent."""
        self.folder = Path(folder)
        remedy = "make the store again (nearmiss store)"
        self.ids: list[str] = read_json(self.folder / IDS)
        try:
            self.pixels = np.load(self.folder / PIXELS, mmap_mode="r")
        except FileNotFoundError:
            raise InputError("the store has no pixels", file=self.folder / PIXELS, remedy=remedy) from None
        except (ValueError, OSError, EOFError) as error:
            raise InputError(
                f"the store's pixels do not load: {error}", file=self.folder / PIXELS, remedy=remedy
            ) from None
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 4 or self.pixels.shape[0] != len(self.ids):
            raise InputError(
                f"the store's pixels are {self.pixels.dtype} {self.pixels.shape} for {len(self.ids)} ids",
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
