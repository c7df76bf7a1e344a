"""Karpathy's JSON files of splits and captions: dataset_coco.json, dataset_flickr8k.json, dataset_flickr30k.json.

Karpathy and Fei-Fei, CVPR 2015. An image has `filename`, `split`, `sentences` (each with `raw` and `sentid`) and, in
COCO, `cocoid`; elsewhere `imgid` counts the images of the file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.engine.formats import stream
from nearmiss.engine.formats.records import field
from nearmiss.engine.formats.set_aside import (
    Fault,
    Faults,
    Reading,
    Rows,
    identifier,
    once,
    text,
)

RESTVAL = "restval"


def read_splits(path: Path) -> dict[str, str]:
    """Split by COCO's id and by file name; `restval` counts as train. Raises `InputError` if there are none."""
    found: dict[str, str] = {}
    for record in _images(path):
        split = record.get("split") if isinstance(record, dict) else None
        if isinstance(split, str):
            split = "train" if split == RESTVAL else split
            for name in (record.get("cocoid"), record.get("filename")):
                if isinstance(name, int | str):
                    found[str(name)] = split
    if not found:
        raise InputError(
            "the file assigns no image to a split",
            file=path,
            record="images",
            remedy="give a file such as dataset_coco.json, whose images have 'split' and 'cocoid' or 'filename'",
        )
    return found


def read_captions(path: Path) -> Reading:
    """Tables `images` (with splits) and `captions` of a file.

    The id of an image is its file name without the suffix; captions have the file's `sentid`. Records with missing
    fields are set aside. Raises `InputError` if the file has no image.
    """
    images, captions, faults = Rows("images"), Rows("captions"), Faults(path)
    for number, record in enumerate(_images(path)):
        name = f"image number {number}"
        try:
            file = text(record, "filename", path, name)
            name = f"image {file}"
            split = text(record, "split", path, name)
            sentences = field(record, "sentences", list, file=path, name=name)
        except InputError as error:
            faults.append(Fault(name, error.problem))
            continue
        image_id = Path(file).stem
        images.add(image_id, file, None, None, "train" if split == RESTVAL else split, "karpathy", name)
        for at, sentence in enumerate(sentences):
            where = f"{name}, sentence {at}"
            try:
                raw = text(sentence, "raw", path, where)
                if not raw.strip():
                    raise InputError("a caption is empty")
                captions.add(identifier(sentence, "sentid", path, where), image_id, raw, None, "published", where)
            except InputError as error:
                faults.append(Fault(where, error.problem, image_id))
    found = once(images.frame(), "image_id", faults)
    if found.is_empty():
        raise InputError(
            "the file has no images with file names, splits and sentences",
            file=path,
            record="images",
            remedy="give one of Karpathy's files, such as dataset_flickr30k.json",
        )
    return Reading(
        {"images": found.drop("record"), "captions": once(captions.frame(), "caption_id", faults).drop("record")},
        faults,
    )


def _images(path: Path) -> Iterator[Any]:
    return (record for key, record in stream.entries(path, ("images",)) if key == "images")
