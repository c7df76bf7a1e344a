"""Retrieval on COCO, Flickr30k and Flickr8k: the test images of Karpathy's splits, with five captions each.

For COCO, ECCV Caption (Chun et al., ECCV 2022) adds further correct pairs that its annotators found.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.engine.benchmarks.benchmark import Card, Coverage, Options, RetrievalBenchmark
from nearmiss.engine.benchmarks.builder import inside, keyed, readable
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.fields import Reading, Record, read_document
from nearmiss.engine.benchmarks.retrieval import recall_headline
from nearmiss.engine.formats.karpathy import KarpathyImage, read_images
from nearmiss.engine.formats.records import REMEDY

ECCV = ("eccv/eccv_caption_to_image.json", "coco/annotations/captions_val2014.json")
"""ECCV Caption's positives by caption id, and COCO's own file, which maps ids to captions."""


@dataclass(frozen=True)
class KarpathyReader:
    """A `Reader` of one of Karpathy's files. Images lie in `coco/`, as its `filepath` says, or in `NAME/images`."""

    card: Card

    def exists(self, root: DataRoot, options: Options) -> bool:
        return root.path(self.card.files[0]).is_file()

    def load(self, root: DataRoot, options: Options) -> RetrievalBenchmark:
        """Malformed records are set aside. Raises InputError where the file is malformed as a whole or has no usable
        test image."""
        file = root.path(self.card.files[0])
        with readable(self.card.name, file):
            return self._load(file, root, options)

    def _load(self, file: Path, root: DataRoot, options: Options) -> RetrievalBenchmark:
        read, faults = read_images(file, only="test")
        reading, label = Reading(), root.name(file)
        for fault in faults:
            reading.leave_out(
                InputError(fault.problem, file=file, record=fault.record, remedy=REMEDY), label, fault.record
            )
        images: dict[str, str] = {}
        captions, owner = [], []
        for image in read:
            with reading.record(image, file, image.record, label) as record:
                path = self._path(image)
                if not inside(path):
                    raise record.wrong("the name of an image is no path in its folder")
                owner += [len(images)] * len(image.sentences)
                images[path] = image.coco_id or ""
                captions += [sentence.text for sentence in image.sentences]
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
        coverage, right = Coverage(hashes={label: sha256(file)}, n_read=len(captions)), own
        if self.card.name == "retrieval_coco" and all(root.path(path).is_file() for path in ECCV):
            right = own | _eccv(list(images.values()), captions, owner, root, reading)
            coverage.hashes |= {path: sha256(root.path(path)) for path in ECCV}
        coverage.malformed = reading.records
        return RetrievalBenchmark(
            self.card,
            images=list(images),
            captions=captions,
            caption_ids=[str(index) for index in range(len(captions))],
            right=right,
            own=own,
            recall_at=tuple(options.recall_at),
            coverage=coverage,
        )

    def _path(self, image: KarpathyImage) -> str:
        """The path of an image below the data root."""
        folder = self.card.images[0]
        if self.card.name == "retrieval_coco" and image.folder is not None:
            folder = f"coco/{image.folder}"
        return f"{folder}/{image.file}"


def _eccv(
    cocoids: Sequence[str], captions: Sequence[str], owner: Sequence[int], root: DataRoot, reading: Reading
) -> np.ndarray:
    """(I, C) bool. Karpathy's file does not keep COCO's caption ids: they are found by image and text."""
    positives, known = (root.path(path) for path in ECCV)
    ids: dict[tuple[str, str], str] = {}
    for number, value in enumerate(Record(read_document(known), known, "the document").entries("annotations")):
        with reading.record(value, known, f"annotation {number}", ECCV[1]) as record:
            ids[record.identifier("image_id"), _simplified(record.text("caption"))] = record.identifier("id")
    right: dict[str, list[str]] = {}
    for caption_id, value in keyed(positives).items():
        with reading.record({"images": value}, positives, f"caption {caption_id}", ECCV[0]) as record:
            positives_of_caption = Record(record.entries("images"), positives, f"caption {caption_id}")
            right[caption_id] = [
                positives_of_caption.identifier(index) for index in range(len(positives_of_caption.value))
            ]
    image_of = {cocoid: index for index, cocoid in enumerate(cocoids) if cocoid}
    found = np.zeros((len(cocoids), len(captions)), dtype=bool)
    for column, (caption, index) in enumerate(zip(captions, owner, strict=True)):
        for image in right.get(ids.get((cocoids[index], _simplified(caption)), ""), []):
            if image in image_of:
                found[image_of[image], column] = True
    return found


def _simplified(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()


def _reader(name: str, images: str, notes: str) -> KarpathyReader:
    card = Card(
        name=f"retrieval_{name}",
        paper="Karpathy and Fei-Fei, CVPR 2015 (splits)" + ("; ECCV Caption, ECCV 2022" if name == "coco" else ""),
        license="captions of COCO: CC BY 4.0; Flickr: research only",
        origin="Karpathy's caption_datasets.zip",
        files=(f"{name}/dataset_{name}.json",),
        images=(images,),
        notes=notes,
        headline=(
            recall_headline(f"retrieval_{name}", "text_to_image", f"a caption finds its image, {name}"),
            recall_headline(f"retrieval_{name}", "image_to_text", f"an image finds one of its captions, {name}"),
        ),
    )
    return KarpathyReader(card)


COCO = _reader(
    "coco",
    "coco/val2014",
    "Karpathy's test split. With the files of ECCV Caption, recall counts its positives too, and exact_recall the "
    "original ones.",
)
FLICKR30K = _reader("flickr30k", "flickr30k/images", "Karpathy's test split.")
FLICKR8K = _reader("flickr8k", "flickr8k/images", "Karpathy's test split.")
