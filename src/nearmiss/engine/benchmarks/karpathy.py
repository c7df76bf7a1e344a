"""Retrieval on COCO, Flickr30k and Flickr8k: the test images of Karpathy's splits, with five captions each.

For COCO, ECCV Caption (Chun et al., ECCV 2022) adds the pairs that its annotators found right beside the original ones.
"""

import re
from collections.abc import Sequence

import numpy as np

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.engine.benchmarks.fields import Reading, Record, read_document
from nearmiss.engine.benchmarks.general import Gallery
from nearmiss.engine.benchmarks.published import Folders, inside, keyed
from nearmiss.engine.formats.records import REMEDY

FILES = {f"retrieval_{name}": f"{name}/dataset_{name}.json" for name in ("coco", "flickr30k", "flickr8k")}
"""Name of the benchmark -> Karpathy's file. Images lie in `coco/`, as its `filepath` says, or in `NAME/images`."""
ECCV = ("eccv/eccv_caption_to_image.json", "coco/annotations/captions_val2014.json")
"""ECCV Caption's positives by caption id, and COCO's own file, which says what caption an id is."""


def read(name: str, folders: Folders) -> Gallery:
    """A gallery (I, C); malformed records are left out.

    Raises InputError where the file is malformed as a whole or has no usable test image.
    """
    file = folders.path(FILES[name])
    document = read_document(file)
    test = Record(document, file, "the document").entries("images")
    reading, label = Reading(), folders.name(file)
    images: dict[str, str] = {}
    captions, owner = [], []
    for number, value in enumerate(test):
        with reading.record(value, file, f"image {number}", label) as record:
            if record.text("split") != "test":
                continue
            image = _path(name, record)
            if image in images:
                raise record.wrong("two records name one image")
            cocoid = record.identifier("cocoid") if record.has("cocoid") else ""
            said = []
            for index, sentence in enumerate(record.entries("sentences")):
                with reading.record(sentence, file, f"image {number}, sentence {index}", label) as one:
                    said.append(one.text("raw").strip())
            if not said:
                raise record.wrong("an image has no sentence")
            images[image] = cocoid
            captions += said
            owner += [len(images) - 1] * len(said)
    if not images:
        first = reading.first
        raise InputError(
            "the file has no images of split test" if first is None else f"no record can be used: {first.problem}",
            file=file,
            record=None if first is None else first.record,
            remedy=REMEDY,
        )
    own = np.zeros((len(images), len(captions)), dtype=bool)
    own[owner, np.arange(len(captions))] = True
    hashes, notes = {label: sha256(file)}, "Karpathy's test split"
    right = own
    if name == "retrieval_coco" and all(folders.path(path).is_file() for path in ECCV):
        right = own | _eccv(list(images.values()), captions, owner, folders, reading)
        hashes |= {path: sha256(folders.path(path)) for path in ECCV}
        notes += "; recall counts ECCV Caption's positives, exact_recall the original ones"
    return Gallery(name, list(images), captions, own, right, hashes, notes, reading.records)


def _path(name: str, record: Record) -> str:
    """The path of a record's image below the data root."""
    if name != "retrieval_coco":
        folder = f"{FILES[name].split('/')[0]}/images"
    else:
        folder = f"coco/{record.text('filepath') if record.has('filepath') else 'val2014'}"
    path = f"{folder}/{record.text('filename')}"
    if not inside(path):
        raise record.wrong("the name of an image is no path in its folder")
    return path


def _eccv(
    cocoids: Sequence[str], captions: Sequence[str], owner: Sequence[int], folders: Folders, reading: Reading
) -> np.ndarray:
    """(I, C) bool. Karpathy's file does not keep COCO's caption ids: they are found by image and text."""
    positives, said = (folders.path(path) for path in ECCV)
    ids: dict[tuple[str, str], str] = {}
    for number, value in enumerate(Record(read_document(said), said, "the document").entries("annotations")):
        with reading.record(value, said, f"annotation {number}", ECCV[1]) as record:
            ids[record.identifier("image_id"), _plain(record.text("caption"))] = record.identifier("id")
    right: dict[str, list[str]] = {}
    for caption_id, value in keyed(positives).items():
        with reading.record({"images": value}, positives, f"caption {caption_id}", ECCV[0]) as record:
            listed = Record(record.entries("images"), positives, f"caption {caption_id}")
            right[caption_id] = [listed.identifier(place) for place in range(len(listed.value))]
    image_of = {cocoid: place for place, cocoid in enumerate(cocoids) if cocoid}
    found = np.zeros((len(cocoids), len(captions)), dtype=bool)
    for column, (caption, place) in enumerate(zip(captions, owner, strict=True)):
        for image in right.get(ids.get((cocoids[place], _plain(caption)), ""), []):
            if image in image_of:
                found[image_of[image], column] = True
    return found


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()
