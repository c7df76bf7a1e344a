"""COCO files of photographs as the stage's tables; what cannot be used is set aside with a reason, the rest goes on."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from PIL import Image, UnidentifiedImageError

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json
from nearmiss.base.tables import write_table
from nearmiss.engine.formats.coco import mask_counts, read_captions, read_images, read_instances
from nearmiss.engine.formats.inpaintcoco import Origin
from nearmiss.engine.formats.records import entries
from nearmiss.engine.images.decode import FORMATS

SPLIT = "test"
_DEEP = ("I", "F")  # modes of more than eight bits a channel: shown on a screen they are no photograph as it is seen


Aside = tuple[str, str | None, str]
"""Image, thing (None for the whole photograph), and why it is set aside."""


@dataclass
class Photographs:
    """Tables of the photographs that can be used, in a folder; their origins; (image, thing, reason) of the rest."""

    folder: Path
    origins: dict[str, Origin]
    set_aside: list[Aside] = field(default_factory=list)

    def table(self, name: str) -> Path:
        """The file of a table: images, objects or captions."""
        return self.folder / f"{name}.parquet"


def read(images: Path, instances: Path, captions: Path, folder: Path) -> Photographs:
    """Write the tables into `folder`. Raises InputError where a file is malformed or no photograph can be used."""
    things, said = read_json(instances), read_json(captions)
    usable, found = _usable(entries(things, "images", file=Path(instances)), Path(images))
    kept = {str(image["id"]) for image in usable}
    if not usable:
        raise InputError("no photograph can be used", file=images, remedy="give the folder that the instances speak of")
    annotations, crowds, flaws = _sound(entries(things, "annotations", file=Path(instances)), usable)
    write_json(folder / "instances.json", {**things, "images": usable, "annotations": annotations})
    told = [each for each in entries(said, "annotations", file=Path(captions)) if str(each.get("image_id")) in kept]
    told = [each for each in told if str(each.get("caption") or "").strip()]
    write_json(folder / "captions.json", {"images": usable, "annotations": told})
    made = Photographs(folder, _origins(things, said), [*found, *flaws])
    write_table(
        read_images(folder / "instances.json", split=SPLIT, source="coco", folder="."), made.table("images"), "images"
    )
    objects = read_instances(folder / "instances.json")
    of_crowds = pl.col("object_id").is_in(list(crowds))
    write_table(objects.with_columns(pl.when(~of_crowds).then("mask").alias("mask")), made.table("objects"), "objects")
    write_table(read_captions(folder / "captions.json"), made.table("captions"), "captions")
    return made


def _usable(images: Iterable[Any], folder: Path) -> tuple[list[Any], list[Aside]]:
    usable: list[Any] = []
    aside: list[Aside] = []
    for image in images:
        if flaw := _flaw_of_file(folder / str(image.get("file_name")), image):
            aside.append((str(image.get("id")), None, flaw))
        else:
            usable.append(image)
    return usable, aside


def _flaw_of_file(file: Path, image: Any) -> str | None:
    """Why a photograph cannot be edited, None where it can. Gray and CMYK ones can: they are read as RGB.

    Pixels are taken as they are stored, as COCO's masks are drawn, whatever an EXIF tag says of their rotation.
    """
    try:
        with Image.open(file, formats=FORMATS) as opened:
            if opened.mode.split(";")[0] in _DEEP:
                return "more than eight bits a channel"
            size = opened.size
            opened.load()
    except FileNotFoundError:
        return "the image is missing"
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return "the image does not decode"
    return None if size == (image.get("width"), image.get("height")) else "the image is not of the size that is noted"


def _sound(annotations: Iterable[Any], images: Iterable[Any]) -> tuple[list[Any], set[str], list[Aside]]:
    """Annotations that can be read, the ids of crowds among them (things that are there and not edited), the others."""
    sizes = {str(image["id"]): (image["height"], image["width"]) for image in images}
    sound: list[Any] = []
    crowds: set[str] = set()
    aside: list[Aside] = []
    for each in annotations:
        image, thing = str(each.get("image_id")), str(each.get("id"))
        if image not in sizes:
            continue
        if each.get("iscrowd"):
            crowds.add(thing)
            aside.append((image, thing, "a crowd"))
        flaw = _flaw_of_mask(each, *sizes[image])
        if flaw is not None:
            aside.append((image, thing, flaw))
        sound.append(each if flaw is None else {**each, "segmentation": None})
    return sound, crowds, aside


def _flaw_of_mask(annotation: Any, height: int, width: int) -> str | None:
    try:
        if annotation.get("segmentation"):
            mask_counts(annotation["segmentation"], height, width)
    except ValueError as error:
        return f"malformed mask: {error}"
    return None


def _origins(things: Any, said: Any) -> dict[str, Origin]:
    licences = {each.get("id"): each.get("name") for each in things.get("licenses") or []}
    words = " ".join(str(each.get("name")) for each in said.get("licenses") or [] if each.get("name"))[:200] or None
    return {
        str(image["id"]): Origin(
            coco_url=image.get("coco_url"),
            flickr_url=image.get("flickr_url"),
            date_captured=image.get("date_captured"),
            image_license=licences.get(image.get("license")),
            text_license=words if len(said.get("licenses") or []) == 1 else None,
        )
        for image in things.get("images", [])
    }
