"""Encoding the images and texts of benchmarks: each unique view and each unique token sequence once, cached on disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks.benchmark import Benchmark, views_of
from nearmiss.engine.scoring.cache import Cache
from nearmiss.engine.scoring.embeddings import Embeddings
from nearmiss.engine.scoring.encoder import Encoder
from nearmiss.engine.scoring.frozen_images import FrozenImages
from nearmiss.engine.scoring.images import BenchmarkImages, texts_of


def encode(
    benchmarks: Sequence[Benchmark],
    images: BenchmarkImages,
    encoder: Encoder,
    cache: Path,
    frozen: FrozenImages | None = None,
) -> Embeddings:
    """Encode the views of `images` and the texts of benchmarks. Entries of the folder `cache` are not computed again.

    Of an image with `frozen` features only the rest of the image tower is computed.

    Raises InputError if the model returns an embedding that is not finite, if an image changes while it is read, and if
    an image of a complete benchmark does not decode.
    """
    folder = Path(cache) / encoder.key()
    existing = images.existing()
    of_images = folder if frozen is None else folder.with_name(f"{folder.name}-{frozen.key}")
    required = _required(benchmarks, images)
    values, rows = _encode_images(existing, images, encoder, of_images, frozen, required)
    view_rows = {name: int(row) for name, row in zip(existing, rows, strict=True) if row >= 0}
    texts = sorted({text for benchmark in benchmarks for text in texts_of(benchmark, images.digests)})
    text_values, text_rows, truncated = _encode_texts(texts, encoder, folder)
    return Embeddings(
        values, text_values, view_rows, dict(zip(texts, text_rows.tolist(), strict=True)), truncated, dict(images.sizes)
    )


_Required = Mapping[str, tuple[str, str]]
"""Path and benchmark of each image that must decode, by its content."""


def _required(benchmarks: Sequence[Benchmark], images: BenchmarkImages) -> _Required:
    complete = [benchmark for benchmark in benchmarks if benchmark.card.complete]
    paths = [(path, each.name) for each in complete for path, crop in views_of(each) if crop is None]
    return {images.content_key(path): (path, name) for path, name in sorted(paths, reverse=True)}


def _refuse_broken(keys: Sequence[str], required: _Required) -> None:
    broken = sorted(required[key] for key in keys if key in required)
    if broken:
        path, benchmark = broken[0]
        raise InputError(f"{len(broken)} images do not decode", file=path, record=benchmark, remedy="create them again")


def _encode_images(
    views: Sequence[str],
    images: BenchmarkImages,
    encoder: Encoder,
    folder: Path,
    frozen: FrozenImages | None,
    required: _Required,
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of each content and crop, and the row of each view (V,), -1 if it does not decode.

    The shard of an image that must decode and does not is not cached: the last bits of an embedding depend on the size
    of its batch, so that a later evaluation, with the image restored, computes the whole shard.
    """
    keys = [images.content_key(view) for view in views]
    first = {key: index for index, key in reversed(list(enumerate(keys)))}
    unique = list(dict.fromkeys(keys))
    openers = [images.opener(views[first[key]]) for key in unique]

    def encoded(wanted: Sequence[int]) -> np.ndarray:
        given = [openers[row] for row in wanted]
        names = [unique[row] for row in wanted]
        made = encoder.images(given) if frozen is None else frozen.images(names, given)
        good = np.isfinite(made).all(axis=1) & bool(made.shape[1])
        _refuse_broken([name for name, fine in zip(names, good, strict=True) if not fine], required)
        return made

    values, rows = Cache(folder, "image").get(unique, encoded)
    _refuse_broken([name for name, row in zip(unique, rows, strict=True) if row < 0], required)  # of earlier runs
    row_of = dict(zip(unique, rows.tolist(), strict=True))
    return values, np.array([row_of[key] for key in keys], dtype=np.int64)


def _encode_texts(
    texts: Sequence[str], encoder: Encoder, folder: Path
) -> tuple[np.ndarray, np.ndarray, frozenset[str]]:
    """Embeddings of each token sequence, the row of each text (T,), and the texts that are truncated."""
    if not texts:
        return np.empty((0, 0), dtype=np.float32), np.empty(0, dtype=np.int64), frozenset()
    tokens, at = Cache(folder, "token").get(texts, lambda rows: encoder.tokens([texts[row] for row in rows]))
    read = tokens[at]
    names = [row.tobytes().hex() for row in read[:, :-1]]
    first = {name: index for index, name in reversed(list(enumerate(names)))}
    unique = list(dict.fromkeys(names))  # in the order of the texts: neighbors have a common prefix
    values, rows = Cache(folder, "text").get(
        unique, lambda wanted: encoder.texts([texts[first[unique[row]]] for row in wanted])
    )
    row_of = dict(zip(unique, rows.tolist(), strict=True))
    truncated = frozenset(text for text, is_cut in zip(texts, read[:, -1], strict=True) if is_cut)
    return values, np.array([row_of[name] for name in names], dtype=np.int64), truncated
