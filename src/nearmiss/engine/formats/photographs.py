"""The image files of a data set: which are usable, their sizes, and annotations scaled to them.

Each photograph is read and decoded once: for the check, its SHA-256 and its perceptual hash. If the size of its file
differs from its record, as in copies of COCO at 256 pixels, boxes and masks are scaled to the file. Every record
that is set aside has a reason.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from PIL import Image
from pycocotools import mask as rle

from nearmiss.base.progress import progress
from nearmiss.base.workers import map_in_order
from nearmiss.engine.formats.segmentation import encode_mask, mask_counts
from nearmiss.engine.formats.set_aside import Fault
from nearmiss.engine.images.decode import FORMATS
from nearmiss.engine.images.identity import decoded_hash
from nearmiss.engine.images.members import read_content, size_of

_DEEP = ("I", "F")  # modes with more than eight bits per channel, whose range is not defined
OTHER_SHAPE = "the image differs in size from its record"
MISSING = "the image is missing"
NO_IMAGE = "the image does not decode"
Size = tuple[int, int]
Choose = Callable[[pl.DataFrame], Iterable[str]]
"""From rows of table `images`, selects the ids of the requested images."""


class Aside(NamedTuple):
    """A record that is set aside: its image, its object (None for the whole image), and the reason."""

    image_id: str | None
    object_id: str | None
    reason: str

    @property
    def order(self) -> tuple[str, ...]:
        """A key that does not depend on the order of records."""
        return tuple(part or "" for part in self)


def aside_of(fault: Fault, file: Path) -> Aside:
    """A fault of a file as a record that is set aside."""
    return Aside(fault.image_id, None, f"{fault.problem}; record: {fault.record} of {file.name}")


class Photographs:
    """The image files of a folder: which are usable, their sizes, and the sizes that annotations refer to.

    Args:
        folder: the folder that names of files are relative to in the results.
        below: folders below it that contain the files; each file is searched in all of them, in this order.
        choose: which of the listed images are used.
        workers: number of processes that decode.
    """

    def __init__(self, folder: Path, choose: Choose, workers: int, *, below: Sequence[str] = ("",)) -> None:
        self.folder, self.below, self._choose, self._workers = folder, tuple(below), choose, workers
        self.listed_ids: set[str] = set()  # ids of all images of the list
        self.unusable: dict[str, list[tuple[str, Path]]] = {}
        self.hashes: dict[str, str] = {}  # SHA-256 by file
        self.perceptual_hashes: dict[str, int] = {}  # by file
        self.sizes: dict[str, Size] = {}  # (width, height) of the file
        self.recorded_sizes: dict[str, Size] = {}  # (width, height) that its annotations refer to
        self.resized: dict[str, tuple[float, float]] = {}  # scale factors of the images whose files have another size

    def usable(self, images: pl.DataFrame) -> pl.DataFrame:
        """The rows of usable photographs, with the sizes that annotations refer to."""
        rows = []
        self.listed_ids = set(images["image_id"])
        images = images.filter(pl.col("image_id").is_in(sorted(self._choose(images))))
        found = map_in_order(
            _seen, (self.folder, self.below), images["file"].to_list(), self._workers, preload=[__name__]
        )
        seen: Iterable[_Seen] = progress(found, what="decode images", total=images.height)
        for row, photograph in zip(images.iter_rows(named=True), seen, strict=True):
            size = photograph.size
            recorded = (row["width"], row["height"]) if row["width"] and row["height"] else size
            flaw = photograph.flaw or (OTHER_SHAPE if not _one_shape(recorded, size) else None)
            if flaw is not None:
                self.unusable.setdefault(flaw, []).append((row["image_id"], photograph.path))
                continue
            self.sizes[row["image_id"]], self.recorded_sizes[row["image_id"]] = size, recorded
            if size != recorded:
                self.resized[row["image_id"]] = (size[0] / recorded[0], size[1] / recorded[1])
            self.hashes[photograph.file] = photograph.digest
            self.perceptual_hashes[photograph.file] = photograph.perceptual_hash
            rows.append({**row, "file": photograph.file, "width": recorded[0], "height": recorded[1]})
        return pl.DataFrame(rows, schema=images.schema, orient="row")

    def with_file_sizes(self, images: pl.DataFrame) -> pl.DataFrame:
        """The images with the sizes of their files."""
        sizes = [self.sizes[image_id] for image_id in images["image_id"]]
        columns = {name: [size[axis] for size in sizes] for axis, name in enumerate(("width", "height"))}
        return images.with_columns(pl.Series(name, values, dtype=pl.Int64) for name, values in columns.items())

    def scaled(self, objects: pl.DataFrame) -> pl.DataFrame:
        """The objects with boxes in pixels of the files."""
        if not self.resized:
            return objects
        factors = [self.resized.get(image_id, (1.0, 1.0)) for image_id in objects["image_id"]]
        across, down = (pl.Series([pair[axis] for pair in factors], dtype=pl.Float64) for axis in (0, 1))
        return objects.with_columns(
            x=objects["x"] * across, y=objects["y"] * down, w=objects["w"] * across, h=objects["h"] * down
        )

    def mask(self, image_id: str, segmentation: Any) -> str:
        """RLE counts at the size of the file. Raises ValueError if the segmentation is malformed."""
        width, height = self.recorded_sizes[image_id]
        counts = mask_counts(segmentation, height, width)
        return scaled_mask(counts, (width, height), self.sizes[image_id]) if image_id in self.resized else counts


def scaled_mask(counts: str, size: Size, to: Size) -> str:
    """RLE counts of a mask of `size` (width, height) at the size `to`: each pixel takes the value at its center."""
    mask = rle.decode({"size": [size[1], size[0]], "counts": counts.encode()})
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int) for old, new in zip(size[::-1], to[::-1], strict=True)
    )
    return encode_mask(mask[np.ix_(rows, columns)])


def _one_shape(recorded: Size, size: Size) -> bool:
    """Whether one size is the other scaled, sides rounded to whole pixels. False for a cropped or rotated image."""
    return abs(recorded[0] * size[1] - recorded[1] * size[0]) <= max(*recorded, *size)


class _Seen(NamedTuple):
    """An image file: its name in the folder, the last path searched, its size, why it is not usable, and hashes."""

    file: str
    path: Path
    size: Size
    flaw: str | None
    digest: str = ""
    perceptual_hash: int = 0


def _seen(where: tuple[Path, tuple[str, ...]], name: str) -> _Seen:
    """Decode a file. Gray and CMYK images can be used: they are read as RGB.

    Pixels are taken as stored, like COCO's masks; EXIF rotation is ignored.
    """
    path, file, flaw = _located(*where, name)
    if flaw is not None:
        return _Seen(name, path, (0, 0), flaw)
    size = (0, 0)
    content = read_content(path)
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            size = image.size
            if image.mode.split(";")[0] in _DEEP:
                return _Seen(name, path, size, "more than eight bits per channel")
            looks = decoded_hash(image)
    except MemoryError:  # running out of memory is not a fault of the file
        raise
    except Exception:  # Pillow's decoders raise exceptions of any class
        return _Seen(name, path, size, NO_IMAGE)
    return _Seen(file, path, size, None, sha256(content).hexdigest(), looks)


def _located(root: Path, below: tuple[str, ...], name: str) -> tuple[Path, str, str | None]:
    """The last path searched for a photograph, its name below the root, and why it was not found.

    If no file has the name, backslashes are read as slashes: annotation tools write them on Windows.
    """
    if not name:
        return root, name, "its record has no file name"
    path, flaw = root, ""
    for folder in below:
        for spelled in dict.fromkeys((name, name.replace("\\", "/"))):
            file = f"{folder}/{spelled}" if folder else spelled
            path, pure = root / file, PurePosixPath(spelled)
            if pure.is_absolute() or ".." in pure.parts:
                flaw = "its file is outside of the folder"
                continue
            flaw = MISSING
            try:
                if size_of(path) is not None:
                    return path, file, None
            except (OSError, ValueError):  # a name that is too long for the file system, or has a zero byte
                flaw = "its file name is invalid"
    return path, name, flaw
