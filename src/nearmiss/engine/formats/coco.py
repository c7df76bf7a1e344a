"""COCO captions and instances JSON (Lin et al., ECCV 2014): read into tables `images`, `captions`, `objects`."""

from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pycocotools import mask as rle

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.tables import table
from nearmiss.engine.formats.records import REMEDY, box, entries, field, is_crowd, shown, unique
from nearmiss.engine.formats.segmentation import MOST_PIXELS, check_polygons, check_rle, check_size


def read_images(path: Path, *, split: str, source: str, folder: str = "images") -> pl.DataFrame:
    """Table `images` from the image list of a captions or instances file; files lie in `folder`."""
    return table("images", _image_rows(read_json(path), path, split=split, source=source, folder=folder))


def read_captions(path: Path) -> pl.DataFrame:
    """Table `captions` (source "published"). A caption of an unknown image, or an empty one, is an InputError.

    The optional key `template_id` of an annotation is kept. Images need neither file nor size.
    """
    path = Path(path)
    document = read_json(path)
    known = dict.fromkeys(_image_ids(document, path))
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for index, annotation in enumerate(entries(document, "annotations", file=path)):
        name = _name(annotation, index)
        text = field(annotation, "caption", str, file=path, name=name)
        if not text.strip():
            raise InputError("a caption is empty", file=path, record=name, remedy=REMEDY)
        rows.append(
            {
                "caption_id": unique(
                    seen, str(field(annotation, "id", (int, str), file=path, name=name)), file=path, name=name
                ),
                "image_id": _image_of(annotation, known, path, name),
                "text": text,
                "template_id": _template(annotation, path, name),
                "source": "published",
            }
        )
    return table("captions", rows)


def read_instances(path: Path) -> pl.DataFrame:
    """Table `objects` without attributes; polygons and RLE alike become RLE counts of the whole image.

    Where the file has crowds, column `crowd` says which objects they are.
    """
    path = Path(path)
    document = read_json(path)
    known = _sizes(document, path)
    names = {
        field(c, "id", int, file=path, name=f"category {c}"): field(c, "name", str, file=path, name=f"category {c}")
        for c in entries(document, "categories", file=path)
    }
    rows: list[dict[str, Any]] = []
    crowds: list[bool] = []
    seen: set[str] = set()
    for index, annotation in enumerate(entries(document, "annotations", file=path)):
        name = _name(annotation, index)
        category = field(annotation, "category_id", int, file=path, name=name)
        if category not in names:
            raise InputError(f"category {category} is not in the file's list", file=path, record=name, remedy=REMEDY)
        image_id = _image_of(annotation, known, path, name)
        x, y, w, h = box(annotation.get("bbox"), file=path, name=name)
        crowds.append(is_crowd(annotation, path, name))
        rows.append(
            {
                "object_id": unique(
                    seen, str(field(annotation, "id", (int, str), file=path, name=name)), file=path, name=name
                ),
                "image_id": image_id,
                "name": names[category],
                "x": x,
                "y": y,
                "w": w,
                "h": h,
                "attributes": [],
                "mask": _mask(annotation.get("segmentation"), known[image_id], path, name),
            }
        )
    objects = table("objects", rows)
    return objects.with_columns(crowd=pl.Series(crowds)) if any(crowds) else objects


def encode_mask(mask: Any) -> str:
    """RLE counts, as COCO writes them, of a boolean mask (height, width)."""
    counts = rle.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"]
    return counts.decode("ascii") if isinstance(counts, bytes) else counts


def _template(annotation: dict[str, Any], path: Path, name: str) -> str | None:
    if annotation.get("template_id") is None:
        return None
    template_id: str = field(annotation, "template_id", str, file=path, name=name)
    return template_id


def _name(annotation: Any, index: int) -> str:
    known = annotation.get("id") if isinstance(annotation, dict) else None
    return f"annotation {index}" + (f" (id {known})" if known is not None else "")


def _image_rows(document: Any, path: Path, *, split: str, source: str, folder: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for index, image in enumerate(entries(document, "images", file=Path(path))):
        name = f"image {index}"
        file_name = field(image, "file_name", str, file=path, name=name)
        if Path(file_name).is_absolute() or ".." in Path(file_name).parts:
            raise InputError("an image's file lies outside its folder", file=path, record=file_name, remedy=REMEDY)
        rows.append(
            {
                "image_id": unique(
                    seen, str(field(image, "id", (int, str), file=path, name=name)), file=path, name=name
                ),
                "file": f"{folder}/{file_name}",
                "width": _length(image, "width", path, name),
                "height": _length(image, "height", path, name),
                "split": split,
                "source": source,
            }
        )
    if not rows:
        raise InputError("the file has no images: the split is empty", file=path, remedy="give the split images")
    return rows


def _length(image: dict[str, Any], key: str, path: Path, name: str) -> int:
    value: int = field(image, key, int, file=path, name=name)
    if not 0 < value <= MOST_PIXELS:
        raise InputError(f"an image's {key} is {shown(value)}", file=path, record=name, remedy=REMEDY)
    return value


def _image_ids(document: Any, path: Path) -> list[str]:
    """The ids of the listed images. Files and sizes that are given must be sound."""
    images = entries(document, "images", file=path)
    usual = {"file_name": "", "width": 1, "height": 1}
    whole = [{**usual, **image} if isinstance(image, dict) else image for image in images]
    rows = _image_rows({"images": whole}, path, split="", source="", folder="")
    return [row["image_id"] for row in rows]


def _sizes(document: Any, path: Path) -> dict[str, tuple[int, int]]:
    """image id -> (height, width)."""
    rows = _image_rows(document, path, split="", source="", folder="")
    return {row["image_id"]: (row["height"], row["width"]) for row in rows}


def _image_of(annotation: Any, known: Container[str], path: Path, name: str) -> str:
    image_id = str(field(annotation, "image_id", (int, str), file=path, name=name))
    if image_id not in known:
        raise InputError(f"image {image_id} is not in the file's list", file=path, record=name, remedy=REMEDY)
    return image_id


def _mask(segmentation: Any, size: tuple[int, int], path: Path, name: str) -> str | None:
    """RLE counts of polygons (lists of coordinates), of plain counts, or of RLE itself; None where there is none.

    RLE must be of the image's own size (height, width).
    """
    if segmentation is None or segmentation == []:
        return None
    try:
        return mask_counts(segmentation, *size)
    except ValueError as error:
        raise InputError(f"a segmentation is malformed: {error}", file=path, record=name, remedy=REMEDY) from None


def mask_counts(segmentation: Any, height: int, width: int) -> str:
    """RLE counts of a segmentation of an image of this size. Raises ValueError where it is malformed."""
    check_size(height, width)
    if isinstance(segmentation, list):
        check_polygons(segmentation, height, width)
    else:
        check_rle(segmentation, height, width)
    try:
        counts = _encoded(segmentation, height, width)["counts"]
    except Exception as error:  # pycocotools raises bare exceptions
        raise ValueError(str(error)) from None
    return counts.decode("ascii") if isinstance(counts, bytes) else str(counts)


def _encoded(segmentation: Any, height: int, width: int) -> dict[str, Any]:
    if isinstance(segmentation, list):
        return rle.merge(rle.frPyObjects(segmentation, height, width))
    return rle.frPyObjects(segmentation, height, width) if isinstance(segmentation["counts"], list) else segmentation
