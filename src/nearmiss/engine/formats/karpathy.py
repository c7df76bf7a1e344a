"""Karpathy's JSON files of splits and captions: dataset_coco.json, dataset_flickr8k.json, dataset_flickr30k.json.

Karpathy and Fei-Fei, CVPR 2015. An image has `filename`, `split`, `sentences` (each with `raw` and `sentid`) and, in
COCO, `cocoid`; elsewhere `imgid` counts the images of the file.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Sentence:
    """A caption: its id in the file, and its text without blanks around it."""

    sentence_id: str
    text: str


@dataclass(frozen=True)
class KarpathyImage:
    """A record of an image that can be used."""

    record: str
    """The record's name in messages."""
    file: str
    folder: str | None
    """`filepath` of COCO: train2014 or val2014."""
    split: str
    """`restval` is train."""
    coco_id: str | None
    sentences: tuple[Sentence, ...]


def read_images(path: Path, *, only: str | None = None) -> tuple[list[KarpathyImage], Faults]:
    """The images of a file with their captions, in its order, and the records that are set aside.

    Records of other splits than `only` are skipped, whatever else they hold. A sentence without a text or an id is set
    aside, and an image without a usable sentence. Of several records with one file name none is kept. Raises
    `InputError` if the file is malformed as a whole.
    """
    found, faults = [], Faults(path)
    for number, record in enumerate(_images(path)):
        try:
            split = text(record, "split", path, f"image {number}")
            if only is not None and split != only:
                continue
            image = _image(record, split, path, f"image {number}", faults)
        except InputError as error:
            faults.append(Fault(f"image {number}", error.problem))
            continue
        found.append(image)
    counts = Counter((image.folder, image.file) for image in found)
    unique = []
    for image in found:
        if counts[image.folder, image.file] == 1:
            unique.append(image)
        else:
            faults.append(Fault(image.record, "two records name one image", image.file))
    return unique, faults


def _image(record: Any, split: str, path: Path, name: str, faults: Faults) -> KarpathyImage:
    """An image of a record. Raises `InputError` if it cannot be used; faulty sentences are added to `faults`."""
    file = text(record, "filename", path, name)
    if not file.strip():
        raise InputError("an image has no file name")
    folder = text(record, "filepath", path, name) if "filepath" in record else None
    coco_id = identifier(record, "cocoid", path, name) if "cocoid" in record else None
    sentences = []
    for at, sentence in enumerate(field(record, "sentences", list, file=path, name=name)):
        where = f"{name}, sentence {at}"
        try:
            raw = text(sentence, "raw", path, where).strip()
            if not raw:
                raise InputError("a caption is empty")
            sentences.append(Sentence(identifier(sentence, "sentid", path, where), raw))
        except InputError as error:
            faults.append(Fault(where, error.problem, file))
    if not sentences:
        raise InputError("an image has no sentence")
    return KarpathyImage(name, file, folder, "train" if split == RESTVAL else split, coco_id, tuple(sentences))


def read_captions(path: Path) -> Reading:
    """Tables `images` (with splits) and `captions` of a file.

    The id of an image is its file name without the suffix; captions have the file's `sentid`. Records are set aside as
    in `read_images`, and captions whose id occurs twice. Raises `InputError` if the file has no image.
    """
    read, faults = read_images(path)
    images, captions = Rows("images"), Rows("captions")
    for image in read:
        image_id = Path(image.file).stem
        images.add(image_id, image.file, None, None, image.split, "karpathy", image.record)
        for at, sentence in enumerate(image.sentences):
            where = f"{image.record}, sentence {at}"
            captions.add(sentence.sentence_id, image_id, sentence.text, None, "published", where)
    found = once(images.table(), "image_id", faults).frame()
    if found.is_empty():
        raise InputError(
            "the file has no images with file names, splits and sentences",
            file=path,
            record="images",
            remedy="give one of Karpathy's files, such as dataset_flickr30k.json",
        )
    return Reading(
        {
            "images": found.drop("record"),
            "captions": once(captions.table(), "caption_id", faults).frame().drop("record"),
        },
        faults,
    )


def _images(path: Path) -> Iterator[Any]:
    return (record for key, record in stream.entries(path, ("images",)) if key == "images")
