"""What the frozen part of an image tower gives of many images: computed once, written in shards as float16.

A cache is a folder with shards (images/shards.py) and `features.json`, which has everything that the features depend
on: the frozen weights, the preprocessing, the images. A reader compares all of it before it uses a feature.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json
from nearmiss.base.progress import progress
from nearmiss.base.workers import threads_in_order
from nearmiss.engine.images.shards import ShardedRows, link_shards, open_shards, write_shards
from nearmiss.engine.models.frozen_parts import Cut, feature_shape, image_features

FEATURES, RECORD = "features", "features.json"
AGAIN = "make the features again (nearmiss features)"
_IMAGES = 16  # images that are computed together
_IMAGE_SHARD = 1024  # images in a file: 212 MB of 9 x 9 cells with 1,280 channels


def write_image_features(
    folder: Path,
    model: Any,
    cut: Cut,
    count: int,
    side: int,
    read: Callable[[np.ndarray], Tensor],
    *,
    record: Mapping[str, Any],
    key: str,
    state: Path,
    workers: int = 1,
) -> None:
    """Write the features of `count` images as `folder/features/*.npy` and `record` as `folder/features.json`.

    `read` gives the normalized images (n, 3, S, S), S = `side`, of some rows, on the model's device. Batches are
    computed by `workers` threads; a batch is part of one shard, so that neither their number nor an interruption
    changes a bit. Raises InputError for a feature that float16 cannot represent, and OSError where the disk has no room
    for all of them, before the first is computed.
    """

    @torch.inference_mode()
    def computed(rows: np.ndarray) -> np.ndarray:
        return as_float16(image_features(model, cut, read(rows)), f"images {rows[0]} to {rows[-1]}")

    def of(rows: Sequence[int]) -> Iterator[np.ndarray]:
        batches = list(_batches(rows))
        shown = progress(batches, what="features of images", total=len(batches))
        return chain.from_iterable(threads_in_order(computed, shown, workers=workers, ahead=workers))

    shape = (count, *feature_shape(model, cut, side))
    link_shards(write_shards(state, shape, key, of, dtype=np.float16, size=_IMAGE_SHARD), folder / FEATURES)
    write_json(folder / RECORD, dict(record))


def open_image_features(folder: Path, expected: Mapping[str, Any], *, count: int) -> ShardedRows:
    """The features of `count` images. Raises InputError where they are missing, damaged, or of something else."""
    check_record(folder, expected)
    features = open_shards(folder / FEATURES, what="the features", remedy=AGAIN, dtype=np.float16)
    if len(features) != count:
        raise InputError(f"there are features of {len(features)} images, not {count}", file=folder, remedy=AGAIN)
    return features


def check_record(folder: Path, expected: Mapping[str, Any]) -> None:
    """Raise InputError where `features.json` of a cache states something else."""
    found = read_json(folder / RECORD)
    for name, value in expected.items():
        if not isinstance(found, dict) or found.get(name) != value:
            raise InputError(
                f"the cached features are of {_MEANINGS.get(name, name)}",
                file=folder / RECORD,
                record=name,
                remedy=AGAIN,
            )


_MEANINGS = {
    "weights": "other weights than those of the model's frozen part",
    "preprocessing": "another preprocessing than the model's",
    "pixels": "other images than those of the store: it was changed after them",
    "image_ids": "other images than those of the store: it was changed after them",
    "part": "another part of the model than the frozen one",
    "layers": "another number of frozen layers",
}


def as_float16(features: Tensor, what: str) -> np.ndarray:
    """Features as float16. Raises InputError, which names them by `what`, if one is too large or not finite."""
    with np.errstate(over="ignore"):
        found = features.float().cpu().numpy().astype(np.float16)
    if not np.isfinite(found).all():
        raise InputError(
            "a feature of the frozen part is not finite in float16",
            record=what,
            remedy="set pretrain.cache_frozen to false, or use other weights",
        )
    return found


def _batches(rows: Sequence[int]) -> Iterator[np.ndarray]:
    """Rows in batches, none of which is of two shards."""
    given = np.asarray(rows, dtype=np.int64)
    shards = given // _IMAGE_SHARD
    for shard in np.unique(shards):
        members = given[shards == shard]
        for start in range(0, len(members), _IMAGES):
            yield members[start : start + _IMAGES]
