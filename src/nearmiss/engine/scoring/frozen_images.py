"""Features of the frozen part of an image tower for the images of benchmarks, computed once for all runs.

Runs that share a frozen part (`pretrain.frozen`) differ in what learns behind it. Images are known by their content, so
that a cache serves every benchmark that shows them.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.engine.models.frozen_parts import Cut, cut_of, image_embeddings
from nearmiss.engine.models.image_features import AGAIN, RECORD, open_image_features, write_image_features
from nearmiss.engine.scoring.encoder import Encoder, OpenImage, finite
from nearmiss.engine.scoring.images import BenchmarkImages

_BATCH = 64  # images that are computed together


def write_features_of_images(
    folder: Path, encoder: Encoder, frozen: Iterable[str], images: BenchmarkImages, *, state: Path, workers: int = 1
) -> int:
    """Write what the frozen part gives of all images that decode, without crops, and return their number.

    `frozen` names the frozen weights as in `pretrain.frozen`. Raises InputError where no weight of the image tower is
    frozen, and as `write_image_features` does.
    """
    cut = cut_of(encoder.model, frozen)
    if cut.image is None:
        raise InputError("no frozen weight is one of the image tower", record="pretrain.frozen", remedy="add image")
    views = {images.content_key(view): view for view in images.existing() if images.views[view][1] is None}
    decoded = [(key, view) for key, view in sorted(views.items()) if images.views[view][0] in images.sizes]
    openers = [images.opener(view) for _, view in decoded]

    def read(rows: np.ndarray) -> Tensor:
        return torch.stack([encoder.pixels(openers[row]) for row in rows]).to(encoder.device)

    record = {**_part_of(encoder, cut), "contents": [key for key, _ in decoded]}
    write_image_features(
        folder,
        encoder.model,
        cut,
        len(decoded),
        encoder.architecture.side,
        read,
        record=record,
        key=hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest(),
        state=state,
        workers=workers,
    )
    return len(decoded)


class FrozenImages:
    """Cached features of the frozen part of an encoder's image tower, by the content of the images."""

    def __init__(self, folder: Path, encoder: Encoder) -> None:
        """Raises InputError where the features are damaged, or those of other weights or another preprocessing."""
        found: Any = read_json(folder / RECORD)
        contents = found.get("contents") if isinstance(found, dict) else None
        if not isinstance(contents, list):
            raise InputError("the features are not those of benchmarks", file=folder / RECORD, remedy=AGAIN)
        self._encoder, self._cut = encoder, Cut(found.get("part"), None)
        self._features = open_image_features(folder, _part_of(encoder, self._cut), count=len(contents))
        self._rows = {content: row for row, content in enumerate(contents)}
        self.key = hashlib.sha256((folder / RECORD).read_bytes()).hexdigest()[:16]
        """Identifies the features in the name of a cache of embeddings, which float16 changes."""

    def images(self, contents: Sequence[str], openers: Sequence[OpenImage]) -> np.ndarray:
        """Embeddings (N, D) of images with these contents, as `Encoder.images`; crops, which have no features, and
        images that are no part of the cache are opened."""
        known = np.array([content in self._rows for content in contents], dtype=bool)
        if not known.all():
            others = self._encoder.images([opener for opener, found in zip(openers, known, strict=True) if not found])
            if not known.any():
                return others
        here = self._embeddings([content for content, found in zip(contents, known, strict=True) if found])
        embeddings = np.full((len(contents), here.shape[1]), np.nan, dtype=np.float32)
        embeddings[known] = here
        if not known.all() and others.shape[1]:
            embeddings[~known] = others
        return embeddings

    @torch.inference_mode()
    def _embeddings(self, contents: Sequence[str]) -> np.ndarray:
        rows = np.array([self._rows[content] for content in contents], dtype=np.int64)
        parts = (torch.from_numpy(self._features[rows[at : at + _BATCH]]) for at in range(0, len(rows), _BATCH))
        model, device = self._encoder.model, self._encoder.device
        found = [image_embeddings(model, self._cut, part.to(device).float()) for part in parts]
        return finite(np.concatenate([F.normalize(part, dim=-1).cpu().numpy() for part in found]), contents)


def _part_of(encoder: Encoder, cut: Cut) -> dict[str, Any]:
    """What the features depend on, beside the images."""
    return {
        "part": cut.image,
        "weights": cut.weights(encoder.model, "image"),
        "preprocessing": dict(encoder.architecture.config["preprocess_cfg"]),
    }
