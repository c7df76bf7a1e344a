"""Image-text retrieval where every image that a caption is true of counts as right."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.base.tables import read_table
from nearmiss.engine.benchmarks.gaps import refuse_gaps
from nearmiss.engine.benchmarks.measurement import Measurement


@dataclass(frozen=True)
class Retrieval:
    """A gallery of images (I) and captions (C), and which of them belong together."""

    image_ids: list[str]
    caption_ids: list[str]
    texts: list[str]
    right: np.ndarray
    """(I, C) bool: the caption is true of the image."""
    own: np.ndarray
    """(I, C) bool: the caption was written for the image."""
    measurement: Measurement


def load(tables: Path, split: str) -> Retrieval:
    """Read `retrieval_<split>.parquet`.

    Raises InputError where it is missing or empty, has a gap, or a caption is in it twice.
    """
    path = Path(tables) / f"retrieval_{split}.parquet"
    frame = read_table(path, "retrieval").sort("caption_id")
    if frame.is_empty():
        raise InputError("retrieval has no captions", file=path, remedy="give the split images, or score another split")
    refuse_gaps(frame, ("caption_id", "image_id", "text", "right"), file=path, key="caption_id", empty=("right",))
    if (twice := frame.filter(frame["caption_id"].is_duplicated())).height:
        raise InputError("a caption is in the table twice", file=path, record=twice["caption_id"][0])
    image_ids = sorted(set(frame["image_id"]) | set(frame["right"].explode().drop_nulls()))
    place = {image_id: index for index, image_id in enumerate(image_ids)}
    own = np.zeros((len(image_ids), frame.height), dtype=bool)
    right = np.zeros_like(own)
    for column, (image_id, images) in enumerate(zip(frame["image_id"], frame["right"].to_list(), strict=True)):
        own[place[image_id], column] = True
        right[[place[other] for other in images], column] = True
    right |= own
    measurement = Measurement(
        benchmark="retrieval",
        split=split,
        source="captions of the split's images; the embedded world leaves out those true of over a tenth of the images",
        hashes={path.name: sha256(path)},
        subsets="text_to_image: a caption looks for an image; image_to_text: an image looks for a caption",
        metrics={
            "recall@k": "a right answer is among the first k; right is every image that the caption is true of",
            "exact_recall@k": "the image that the caption was written for (one of the captions written for the image) "
            "is among the first k",
        },
        averaging="micro over queries; intervals by image",
        ties="an answer that is not right and within 1e-6 of the best right one stands before it; such queries counted",
        crop="none",
    )
    return Retrieval(image_ids, frame["caption_id"].to_list(), frame["text"].to_list(), right, own, measurement)
