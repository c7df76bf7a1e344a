"""Features of the frozen parts of a model: computed once for all runs, written in shards as float16.

A cache is a folder with shards (images/shards.py) and `features.json`, which has everything that the features depend
on: the frozen weights, the preprocessing, the images or texts. A training compares all of it before its first step.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor
from torch.nn import functional as F

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json
from nearmiss.base.progress import progress
from nearmiss.base.workers import threads_in_order
from nearmiss.engine.images.shards import HalfRows, Pixels, as_bytes, link_shards, open_shards, write_shards
from nearmiss.engine.models.frozen_parts import Cut, TextParts, feature_shape, image_features
from nearmiss.engine.models.packing import Texts
from nearmiss.engine.models.preprocessing import Normalization
from nearmiss.engine.training.token_book import TokenBook

FEATURES, RECORD = "features", "features.json"
TOKENS, FIRST = "tokens.npy", "first.npy"
"""Of cached texts: all tokens one after the other, and the offset of each text."""
_REMEDY = "make the features again (nearmiss features)"
_IMAGES = 16  # images that are computed together
_IMAGE_SHARD = 1024  # images in a file: 212 MB of 9 x 9 cells with 1,280 channels
_TEXTS = 64  # texts that are computed together
_TOKEN_SHARD = 2**18  # tokens in a file: 200 MB of hidden states of width 384


@dataclass(frozen=True)
class FrozenFeatures:
    """Cached features of a run: of the store's images by row, of its texts by row of its token book, or both."""

    cut: Cut
    images: HalfRows | None = None
    texts: "CachedTexts | None" = None


def write_image_features(
    folder: Path,
    model: Any,
    cut: Cut,
    pixels: Pixels,
    preprocessing: Mapping[str, Any],
    *,
    record: Mapping[str, Any],
    key: str,
    state: Path,
    device: torch.device,
    workers: int = 1,
) -> None:
    """Write the features of all images as `folder/features/*.npy` and `record` as `folder/features.json`.

    Batches are computed by `workers` threads; a batch is part of one shard, so that neither their number nor an
    interruption changes a bit. Raises InputError for a feature that float16 cannot represent, and OSError where the
    disk has no room for all of them, before the first is computed.
    """
    normalize, side = Normalization(dict(preprocessing), device), int(pixels.shape[1])
    shape = feature_shape(model, cut, side)

    @torch.inference_mode()
    def computed(rows: np.ndarray) -> np.ndarray:
        given = torch.from_numpy(pixels[rows]).to(device)
        return _half(image_features(model, cut, normalize(given)), f"images {rows[0]} to {rows[-1]} of the store")

    def of(rows: Sequence[int]) -> Iterator[np.ndarray]:
        batches = list(_batches(rows))
        shown = progress(batches, what="features of images", total=len(batches))
        return chain.from_iterable(threads_in_order(computed, shown, workers=workers, ahead=workers))

    stored = (len(pixels), *shape[:-1], 2 * shape[-1])
    link_shards(write_shards(state, stored, key, of, size=_IMAGE_SHARD), folder / FEATURES)
    write_json(folder / RECORD, dict(record))


def write_text_features(
    folder: Path,
    parts: TextParts,
    book: TokenBook,
    width: int,
    *,
    record: Mapping[str, Any],
    key: str,
    state: Path,
    device: torch.device,
) -> None:
    """Write the hidden states of all texts of a book, sorted by length, and `record`; raises as above."""
    lengths = np.diff(book.first)
    order = np.argsort(lengths, kind="stable")
    first = np.concatenate([[0], np.cumsum(lengths[order])]).astype(np.int64)

    @torch.inference_mode()
    def computed(start: int) -> np.ndarray:
        texts = book.padded(order[start : start + _TEXTS])
        hidden = _half(parts.hidden(texts.tokens.to(device)), f"texts {start} to {start + len(texts) - 1}")
        inside = np.arange(hidden.shape[1]) < texts.lengths.numpy()[:, None]
        return np.asarray(hidden[inside])

    def of(tokens: Sequence[int]) -> Iterator[np.ndarray]:
        """Tokens are consecutive but for shards that are complete; each text's batch is computed as a whole."""
        wanted = np.asarray(tokens, dtype=np.int64)
        batches = np.unique((np.searchsorted(first, wanted, side="right") - 1) // _TEXTS)
        for batch in progress(batches.tolist(), what="features of texts", total=len(batches)):
            start, end = first[batch * _TEXTS], first[min((batch + 1) * _TEXTS, len(order))]
            states = computed(batch * _TEXTS)
            here = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, end)]
            yield from states[here - start]

    link_shards(write_shards(state, (int(first[-1]), 2 * width), key, of, size=_TOKEN_SHARD), folder / FEATURES)
    tokens = np.concatenate([book.tokens[book.first[row] : book.first[row + 1]] for row in order])
    np.save(folder / TOKENS, tokens)
    np.save(folder / FIRST, first)
    write_json(folder / RECORD, dict(record))


def open_image_features(folder: Path, expected: Mapping[str, Any], *, count: int) -> HalfRows:
    """The features of a store's images. Raises InputError where they are missing, damaged, or of something else."""
    _check_record(folder, expected)
    features = HalfRows(open_shards(folder / FEATURES, what="the features", remedy=_REMEDY))
    if len(features) != count:
        raise InputError(f"there are features of {len(features)} images, not {count}", file=folder, remedy=_REMEDY)
    return features


def _check_record(folder: Path, expected: Mapping[str, Any]) -> None:
    found = read_json(folder / RECORD)
    for name, value in expected.items():
        if not isinstance(found, dict) or found.get(name) != value:
            raise InputError(
                f"the cached features are of {_MEANINGS.get(name, name)}",
                file=folder / RECORD,
                record=name,
                remedy=_REMEDY,
            )


_MEANINGS = {
    "weights": "other weights than those of the model's frozen part",
    "preprocessing": "another preprocessing than the model's",
    "pixels": "other images than those of the store: it was changed after them",
    "image_ids": "other images than those of the store: it was changed after them",
    "part": "another part of the model than the frozen one",
    "layers": "another number of frozen layers",
}


class CachedTexts:
    """Hidden states of the texts of a training, from one or several caches."""

    def __init__(self, folders: Sequence[Path], expected: Mapping[str, Any], book: TokenBook, parts: TextParts) -> None:
        """Raises InputError where a cache is missing, damaged or of something else, and where texts are in none."""
        self.layers = int(expected["layers"])
        self._parts, self._states = parts, []
        starts = np.full(len(book), -1, dtype=np.int64)
        self._source = np.zeros(len(book), dtype=np.int64)
        wanted = pl.DataFrame({"tokens": _keys(book.tokens, book.first)}).with_row_index("row")
        for number, folder in enumerate(folders):
            _check_record(folder, expected)
            stored = HalfRows(open_shards(folder / FEATURES, what="the features", remedy=_REMEDY))
            tokens, first = (_array(folder / name) for name in (TOKENS, FIRST))
            if len(tokens) != len(stored) or int(first[-1]) != len(stored):
                raise InputError(f"there are features of {len(stored)} tokens", file=folder, remedy=_REMEDY)
            known = pl.DataFrame({"tokens": _keys(tokens, first), "start": first[:-1]})
            found = wanted.join(known, on="tokens", how="inner")
            rows = found["row"].to_numpy()
            starts[rows], self._source[rows] = found["start"].to_numpy(), number
            self._states.append(stored)
        if (absent := int((starts < 0).sum())) > 0:
            raise InputError(
                f"{absent} of the {len(book)} texts of this training have no cached features",
                file=folders[0] if folders else None,
                remedy=_REMEDY,
            )
        self._starts = starts

    def embeddings(self, texts: Texts, device: torch.device) -> Tensor:
        """L2-normalized embeddings (U, D) float32 of texts of the book."""
        tokens = texts.tokens.to(device, non_blocking=True)
        hidden = self._hidden(texts).to(device, non_blocking=True).float()
        return F.normalize(self._parts.embeddings(tokens, hidden).float(), dim=-1)

    def _hidden(self, texts: Texts) -> Tensor:
        """(U, L, W) float16, 0 after a text's end."""
        assert texts.rows is not None  # texts of a book have rows
        rows, lengths = texts.rows.numpy(), texts.lengths.numpy()
        inside = np.arange(texts.tokens.shape[1]) < lengths[:, None]
        found = np.zeros((*texts.tokens.shape, self._states[0].shape[1]), dtype=np.float16)
        places = self._starts[rows][:, None] + np.arange(texts.tokens.shape[1])
        for number, states in enumerate(self._states):
            here = inside & (self._source[rows] == number)[:, None]
            if here.any():
                found[here] = states[places[here]]
        return torch.from_numpy(found)


def _keys(tokens: np.ndarray, first: np.ndarray) -> pl.Series:
    """The tokens of each text as bytes."""
    content, ends = np.ascontiguousarray(tokens, dtype=np.int32).tobytes(), (4 * first).tolist()
    return pl.Series([content[start:end] for start, end in pairwise(ends)], dtype=pl.Binary)


def _array(file: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(file))
    except Exception as error:  # numpy raises many types on a damaged file
        raise InputError(f"the cached texts do not load: {error}", file=file, remedy=_REMEDY) from None


def _batches(rows: Sequence[int]) -> Iterator[np.ndarray]:
    """Rows in batches, none of which is of two shards."""
    given = np.asarray(rows, dtype=np.int64)
    shards = given // _IMAGE_SHARD
    for shard in np.unique(shards):
        members = given[shards == shard]
        for start in range(0, len(members), _IMAGES):
            yield members[start : start + _IMAGES]


def _half(features: Tensor, what: str) -> np.ndarray:
    """Features as bytes of float16."""
    try:
        return as_bytes(features.float().cpu().numpy())
    except ValueError:
        raise InputError(
            "a feature of the frozen part is not finite in float16",
            record=what,
            remedy="set pretrain.cache_frozen to false, or use other weights",
        ) from None
