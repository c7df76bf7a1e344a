"""Photographs with captions and instances in COCO's format, as tables of usable records (formats/photographs.py)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import table
from nearmiss.engine.formats import stream
from nearmiss.engine.formats.coco import id_of, read_captions, read_instances, read_masks
from nearmiss.engine.formats.inpaintcoco import Origin
from nearmiss.engine.formats.photographs import Aside, Choose, Photographs, aside_of
from nearmiss.engine.formats.set_aside import Fault, Reading


@dataclass
class CocoFolder:
    """The usable records of a folder; sizes are those of the image files, in pixels."""

    images: pl.DataFrame
    captions: pl.DataFrame
    objects: pl.DataFrame
    hashes: dict[str, str]
    """SHA-256 of the image files, by their names in the folder."""
    perceptual_hashes: dict[str, int] = field(default_factory=dict)
    """Perceptual hashes of the image files, by the same names."""
    origins: dict[str, Origin] = field(default_factory=dict)
    set_aside: list[Aside] = field(default_factory=list)
    unlisted: int = 0
    """Captions of images that the instances do not list."""
    scaled: int = 0
    """Images whose annotations were scaled to another size."""
    unusable: dict[str, list[Path]] = field(default_factory=dict)
    """Unusable image files by reason."""
    faults: list[Fault] = field(default_factory=list)
    """Records of the instances (of the captions if there are no instances) that are set aside."""

    def check_usable(self, folder: Path, records: Path) -> None:
        """Raise InputError if no photograph of `folder` is usable, with each reason, its count and an example.

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
    below: Sequence[str] = ("",),
    reading: Reading | None = None,
    choose: Choose = lambda images: images["image_id"],
    workers: int = 1,
) -> CocoFolder:
    """Read the image files in the folders `below` `images` and their records in the two JSON files.

    Without instances, `objects` is empty. `reading` is the content of the captions file if it was read before. Only
    images that `choose` returns are decoded, by `workers` processes. Raises InputError if a file is malformed.
    """
    reading = read_captions(captions) if reading is None else reading
    photographs = Photographs(Path(images), choose, workers, below=below)
    if instances is not None:
        read = read_instances(Path(instances), photographs.usable)
        faults, objects = read.faults, photographs.scaled(read.tables["objects"])
        sources = _Origins(photographs)
        objects, flaws = read_masks(Path(instances), objects, photographs.mask, sources.add)
        origins = sources.by_image()
        usable = read.tables["images"]
        aside = [
            *(Aside(flaw.image_id, flaw.record, flaw.problem) for flaw in flaws),
            *(aside_of(fault, Path(instances)) for fault in faults),
        ]
    else:
        usable, faults = photographs.usable(reading.tables["images"]), reading.faults
        objects, origins, aside = table("objects", []), {}, []
    caption_table = reading.tables["captions"].join(usable, on="image_id", how="semi", maintain_order="left")
    aside += [aside_of(fault, Path(captions)) for fault in reading.faults]
    if origins:
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
        perceptual_hashes=photographs.perceptual_hashes,
        origins=origins,
        set_aside=sorted(aside, key=lambda each: each.order),
        unlisted=reading.tables["captions"].filter(~pl.col("image_id").is_in(sorted(photographs.listed_ids))).height,
        scaled=len(photographs.resized) if instances is not None else 0,
        unusable={reason: [path for _, path in found] for reason, found in photographs.unusable.items()},
        faults=faults,
    )


class _Origins:
    """The origins of the photographs according to the instances file."""

    def __init__(self, photographs: Photographs) -> None:
        self._photographs = photographs
        self._images: dict[str, dict[str, Any]] = {}
        self._licenses: dict[str, str | None] = {}

    def add(self, key: str, record: dict[str, Any]) -> None:
        """Add a record of the lists `images` and `licenses`."""
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
    found = stream.entries(captions, ("licenses", "images", "annotations"))
    licenses = [record for key, record in found if key == "licenses" and record]
    only = licenses[0] if len(licenses) == 1 and isinstance(licenses[0], dict) else {}
    return (_text(only.get("name")) or "")[:200] or None


def _text(value: Any) -> str | None:
    """An optional string of a record; None if it is not a string or not Unicode."""
    return value if isinstance(value, str) and value.encode("utf-8", "replace").decode() == value else None
