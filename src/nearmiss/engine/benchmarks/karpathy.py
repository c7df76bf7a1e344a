"""Retrieval on COCO, Flickr30k and Flickr8k: the test images of Karpathy's splits, with five captions each.

For COCO, ECCV Caption (Chun et al., ECCV 2022) adds the pairs that its annotators found right beside the original ones.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, sha256
from nearmiss.engine.benchmarks.general import Gallery
from nearmiss.engine.benchmarks.published import Folders
from nearmiss.engine.formats.records import REMEDY, field

FILES = {f"retrieval_{name}": f"{name}/dataset_{name}.json" for name in ("coco", "flickr30k", "flickr8k")}
"""Name of the benchmark -> Karpathy's file. Images lie in `coco/`, as its `filepath` says, or in `NAME/images`."""
ECCV = ("eccv/eccv_caption_to_image.json", "coco/annotations/captions_val2014.json")
"""ECCV Caption's positives by caption id, and COCO's own file, which says what caption an id is."""


def read(name: str, folders: Folders) -> Gallery:
    """A gallery (I, C). Raises InputError where the file is malformed or has no test images."""
    file = folders.path(FILES[name])
    document = read_json(file)
    records = field(document, "images", list, file=file, name="the document")
    test = [record for record in records if record.get("split") == "test"]
    if not test:
        raise InputError("the file has no images of split test", file=file, remedy=REMEDY)
    images, captions, owner = [], [], []
    for place, record in enumerate(test):
        images.append(_path(name, record, file))
        for sentence in field(record, "sentences", list, file=file, name=f"image {images[-1]}"):
            captions.append(field(sentence, "raw", str, file=file, name=f"image {images[-1]}").strip())
            owner.append(place)
    own = np.zeros((len(images), len(captions)), dtype=bool)
    own[owner, np.arange(len(captions))] = True
    hashes, notes = {file.name: sha256(file)}, "Karpathy's test split"
    right = own
    if name == "retrieval_coco" and all(folders.path(path).is_file() for path in ECCV):
        right = own | _eccv(test, captions, owner, folders)
        hashes |= {folders.path(path).name: sha256(folders.path(path)) for path in ECCV}
        notes += "; recall counts ECCV Caption's positives, exact_recall the original ones"
    return Gallery(name, images, captions, own, right, hashes, notes)


def _path(name: str, record: dict[str, Any], file: Path) -> str:
    image = field(record, "filename", str, file=file, name="an image")
    folder = (
        f"coco/{record.get('filepath', 'val2014')}"
        if name == "retrieval_coco"
        else f"{FILES[name].split('/')[0]}/images"
    )
    return f"{folder}/{image}"


def _eccv(test: list[dict[str, Any]], captions: list[str], owner: list[int], folders: Folders) -> np.ndarray:
    """(I, C) bool. Karpathy's file does not keep COCO's caption ids: they are found by image and text."""
    positives, annotations = (read_json(folders.path(path)) for path in ECCV)
    ids = {(int(each["image_id"]), _plain(each["caption"])): str(each["id"]) for each in annotations["annotations"]}
    image_of = {int(record["cocoid"]): place for place, record in enumerate(test)}
    found = np.zeros((len(test), len(captions)), dtype=bool)
    for column, (caption, place) in enumerate(zip(captions, owner, strict=True)):
        number = ids.get((int(test[place]["cocoid"]), _plain(caption)))
        for image in positives.get(number, []) if number is not None else []:
            if int(image) in image_of:
                found[image_of[int(image)], column] = True
    return found


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()
