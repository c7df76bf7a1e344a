"""A folder of photographs with captions and instances in COCO's format, as tables of what can be used.

Each photograph is decoded once. Where its file is of another size than its record says, as in copies of COCO at 256
pixels, boxes and masks are scaled to the file. Everything that is set aside has its reason.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from PIL import Image
from pycocotools import mask as rle

from nearmiss.base.errors import InputError
from nearmiss.base.progress import progress
from nearmiss.base.tables import table
from nearmiss.base.workers import map_in_order
from nearmiss.engine.formats import stream
from nearmiss.engine.formats.coco import id_of, read_captions, read_instances, read_masks
from nearmiss.engine.formats.inpaintcoco import Origin
from nearmiss.engine.formats.segmentation import encode_mask, mask_counts
from nearmiss.engine.formats.set_aside import Fault
from nearmiss.engine.images.decode import FORMATS

_DEEP = ("I", "F")  # modes of more than eight bits a channel: shown on a screen they are no photograph as it is seen
OTHER_SHAPE = "the image is not of the size that is noted"
Size = tuple[int, int]
Choose = Callable[[pl.DataFrame], Iterable[str]]
"""Of rows of table `images`, the ids of the images that are wanted."""


class Aside(NamedTuple):
    """A record that is set aside: of which image and object (None for the whole image), and why."""

    image_id: str | None
    object_id: str | None
    reason: str

    @property
    def order(self) -> tuple[str, ...]:
        """A key that does not depend on the order of records."""
        return tuple(part or "" for part in self)


@dataclass
class CocoFolder:
    """What a folder holds that can be used; sizes are those of the image files, in pixels."""

    images: pl.DataFrame
    captions: pl.DataFrame
    objects: pl.DataFrame
    hashes: dict[str, str]
    """SHA-256 of the image files, by their names in the folder."""
    origins: dict[str, Origin] = field(default_factory=dict)
    set_aside: list[Aside] = field(default_factory=list)
    unlisted: int = 0
    """Captions of images that the instances do not list."""
    scaled: int = 0
    """Images whose annotations were scaled to another size."""
    unusable: dict[str, list[Path]] = field(default_factory=dict)
    """Image files by the reason why they cannot be used."""
    faults: list[Fault] = field(default_factory=list)
    """Records of the instances, or of the captions where there are no instances, that are set aside."""

    def check_usable(self, folder: Path, records: Path) -> None:
        """Raise InputError where no photograph of `folder` is usable: each reason with its count and an example.

        `records` is the file that lists the images.
        """
        if not self.images.is_empty():
            return
        reasons = [f"{reason} ({len(paths)}), such as {paths[0]}" for reason, paths in self.unusable.items()]
        faulty: dict[str, list[str]] = {}
        for fault in self.faults:
            if fault.record.startswith("image "):
                faulty.setdefault(fault.problem, []).append(fault.record)
        reasons += [f"{problem} ({len(named)}), such as {named[0]} of {records}" for problem, named in faulty.items()]
        listed = "".join(f"\n  {reason}" for reason in sorted(reasons)) or f"\n  {records} lists none"
        raise InputError(
            f"no photograph can be used:{listed}", file=folder, remedy="give the image folder that these records list"
        )


def read_coco_folder(
    images: Path,
    *,
    captions: Path,
    instances: Path | None = None,
    choose: Choose = lambda images: images["image_id"],
    workers: int = 1,
) -> CocoFolder:
    """Read the image files in `images` and what the two JSON files say of them.

    Without instances `objects` is empty. Only images that `choose` returns are decoded, by
    `workers` processes. Raises InputError where a file is malformed.
    """
    reading = read_captions(captions)
    photographs = _Photographs(Path(images), choose, workers)
    if instances is not None:
        read = read_instances(Path(instances), photographs.usable)
        faults, objects = read.faults, photographs.scaled(read.tables["objects"])
        sources = _Origins(photographs)
        objects, flaws = read_masks(Path(instances), objects, photographs.mask, sources.add)
        origins = sources.by_image()
        usable = read.tables["images"]
        aside = [
            *(Aside(flaw.image_id, flaw.record, flaw.problem) for flaw in flaws),
            *(_aside(fault, Path(instances)) for fault in faults),
        ]
    else:
        usable, faults = photographs.usable(reading.tables["images"]), reading.faults
        objects, origins, aside = table("objects", []), {}, []
    caption_table = reading.tables["captions"].join(usable, on="image_id", how="semi", maintain_order="left")
    aside += [_aside(fault, Path(captions)) for fault in reading.faults]
    texts = _license_of_texts(Path(captions))
    origins = {image_id: replace(origin, text_license=texts) for image_id, origin in origins.items()}
    aside += [Aside(image, None, reason) for reason, found in photographs.unusable.items() for image, _ in found]
    if "crowd" in objects.columns:
        crowds = objects.filter("crowd").select("image_id", "object_id").iter_rows()
        aside += [Aside(image, obj, "a crowd") for image, obj in crowds]
    return CocoFolder(
        images=photographs.with_file_sizes(usable),
        captions=caption_table,
        objects=objects,
        hashes=photographs.hashes,
        origins=origins,
        set_aside=sorted(aside, key=lambda each: each.order),
        unlisted=reading.tables["captions"].filter(~pl.col("image_id").is_in(sorted(photographs.listed_ids))).height,
        scaled=len(photographs.resized) if instances is not None else 0,
        unusable={reason: [path for _, path in found] for reason, found in photographs.unusable.items()},
        faults=faults,
    )


class _Photographs:
    """The image files of a folder: which can be used, their sizes, and the sizes that annotations were made at."""

    def __init__(self, folder: Path, choose: Choose, workers: int) -> None:
        self.folder, self._choose, self._workers = folder, choose, workers
        self.listed_ids: set[str] = set()  # ids of all images of the list
        self.unusable: dict[str, list[tuple[str, Path]]] = {}
        self.hashes: dict[str, str] = {}
        self.sizes: dict[str, Size] = {}  # (width, height) of the file
        self.noted: dict[str, Size] = {}  # (width, height) that its annotations were made at
        self.resized: dict[str, tuple[float, float]] = {}  # factors of the images whose files have another size

    def usable(self, images: pl.DataFrame) -> pl.DataFrame:
        """The rows of photographs that can be used, with the sizes that annotations were made at."""
        rows = []
        self.listed_ids = set(images["image_id"])
        images = images.filter(pl.col("image_id").is_in(sorted(self._choose(images))))
        found = map_in_order(_seen, self.folder, images["file"].to_list(), self._workers, preload=[__name__])
        seen: Iterable[_Seen] = progress(found, what="decode images", total=images.height)
        for row, photograph in zip(images.iter_rows(named=True), seen, strict=True):
            size = photograph.size
            noted = (row["width"], row["height"]) if row["width"] and row["height"] else size
            flaw = photograph.flaw or (OTHER_SHAPE if not _one_shape(noted, size) else None)
            if flaw is not None:
                self.unusable.setdefault(flaw, []).append((row["image_id"], photograph.path))
                continue
            self.sizes[row["image_id"]], self.noted[row["image_id"]] = size, noted
            if size != noted:
                self.resized[row["image_id"]] = (size[0] / noted[0], size[1] / noted[1])
            self.hashes[photograph.file] = photograph.digest
            rows.append({**row, "file": photograph.file, "width": noted[0], "height": noted[1]})
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
        """RLE counts at the size of the file. Raises ValueError where the segmentation is malformed."""
        width, height = self.noted[image_id]
        counts = mask_counts(segmentation, height, width)
        return scaled_mask(counts, (width, height), self.sizes[image_id]) if image_id in self.resized else counts


def scaled_mask(counts: str, size: Size, to: Size) -> str:
    """RLE counts of a mask of `size` (width, height) at the size `to`: each pixel takes the value at its center."""
    mask = rle.decode({"size": [size[1], size[0]], "counts": counts.encode()})
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int) for old, new in zip(size[::-1], to[::-1], strict=True)
    )
    return encode_mask(mask[np.ix_(rows, columns)])


def _one_shape(noted: Size, size: Size) -> bool:
    """Whether one size is the other scaled, sides rounded to whole pixels. A cropped or turned image is not."""
    return abs(noted[0] * size[1] - noted[1] * size[0]) <= max(*noted, *size)


class _Seen(NamedTuple):
    """An image file: its name in the folder, where it was looked for last, its size, why it cannot be used, SHA-256."""

    file: str
    path: Path
    size: Size
    flaw: str | None
    digest: str = ""


def _seen(folder: Path, name: str) -> _Seen:
    """Decode a file. Gray and CMYK images can be used: they are read as RGB.

    Pixels are taken as stored, like COCO's masks; EXIF rotation is ignored.
    """
    path, found = _located(folder, name)
    if isinstance(found, str):
        return _Seen(name, path, (0, 0), found)
    size = (0, 0)
    content = path.read_bytes()
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            size = image.size
            if image.mode.split(";")[0] in _DEEP:
                return _Seen(name, path, size, "more than eight bits a channel")
            image.load()
    except MemoryError:  # a lack of memory is not a fault of the file
        raise
    except Exception:  # Pillow's decoders raise whatever their parsers meet
        return _Seen(name, path, size, "the image does not decode")
    return _Seen(found.as_posix(), path, size, None, sha256(content).hexdigest())


def _located(folder: Path, name: str) -> tuple[Path, Path | str]:
    """Where a photograph was looked for last; and its path in the folder, or why it has none.

    Backslashes are taken for slashes where the name as it is is no file: annotation tools write them on Windows.
    """
    if not name:
        return folder, "its record names no file"
    path, flaw = folder, ""
    for spelled in dict.fromkeys((name, name.replace("\\", "/"))):
        path, pure = folder / spelled, PurePosixPath(spelled)
        if pure.is_absolute() or ".." in pure.parts:
            flaw = "its file lies outside the folder"
            continue
        flaw = "the image is missing"
        try:
            if path.is_file():
                return path, Path(spelled)
        except (OSError, ValueError):  # a name that is too long for the file system, or has a zero byte
            flaw = "its file has no possible name"
    return path, flaw


class _Origins:
    """Where the photographs come from, as the instances file says."""

    def __init__(self, photographs: _Photographs) -> None:
        self._photographs = photographs
        self._images: dict[str, dict[str, Any]] = {}
        self._licenses: dict[str, str | None] = {}

    def add(self, key: str, record: dict[str, Any]) -> None:
        """Take a record of the lists `images` and `licenses`."""
        identity = id_of(record.get("id"))
        if key == "licenses":
            self._licenses[identity] = _text(record.get("name"))
        elif key == "images" and identity in self._photographs.sizes:
            self._images[identity] = record

    def by_image(self) -> dict[str, Origin]:
        """Origins by image id."""
        return {
            image_id: Origin(
                coco_url=_text(image.get("coco_url")),
                flickr_url=_text(image.get("flickr_url")),
                date_captured=_text(image.get("date_captured")),
                image_license=self._licenses.get(id_of(image.get("license"))),
            )
            for image_id, image in self._images.items()
        }


def _license_of_texts(captions: Path) -> str | None:
    """The license of a captions file that names exactly one."""
    licenses = [record for key, record in stream.entries(captions, ("licenses",)) if key == "licenses" and record]
    only = licenses[0] if len(licenses) == 1 and isinstance(licenses[0], dict) else {}
    return (_text(only.get("name")) or "")[:200] or None


def _text(value: Any) -> str | None:
    """A text of a record that is not needed; None where it is none, or is not Unicode."""
    return value if isinstance(value, str) and value.encode("utf-8", "replace").decode() == value else None


def _aside(fault: Fault, file: Path) -> Aside:
    return Aside(fault.image_id, None, f"{fault.problem}; record: {fault.record} of {file.name}")
