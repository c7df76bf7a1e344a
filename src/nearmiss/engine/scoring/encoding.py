"""What benchmarks ask of a model, encoded: each unique image (with its crop) and text once, and kept on disk."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks.published import Carried, Folders
from nearmiss.engine.images.decode import cut, open_image_bytes
from nearmiss.engine.scoring.answers import Crop
from nearmiss.engine.scoring.cache import Cache
from nearmiss.engine.scoring.contents import contents
from nearmiss.engine.scoring.encoded import Encoded
from nearmiss.engine.scoring.encoder import Encoder

_AGAIN = "evaluate again: what is encoded is kept"


def look(path: str, crop: Sequence[float] | None) -> str:
    """The name of an image as it is looked at: its path or content, with its crop."""
    return path if crop is None else f"{path}#{','.join(map(str, crop))}"


def encoded(
    items: Sequence[pl.DataFrame],
    *,
    folders: Folders,
    carried: Mapping[str, Carried],
    encoder: Encoder,
    folder: Path,
    further: Sequence[str] = (),
) -> Encoded:
    """Encode the images of tables `items`, the captions that are asked about one of them, and texts `further`.

    What `folder` keeps is not made again; hashes of image files are kept beside it, for all models. `carried` opens the
    pictures that lie inside of a benchmark's own file. Raises InputError where the model gives an embedding that is not
    finite, and where an image changes while it is read.
    """
    looks = _looks(items)
    files = {path: folders.path(path) for path in sorted({path for path, _ in looks.values()} - carried.keys())}
    known = contents(files, folder.parent)
    stamps = {path: known[path].digest for path in known} | {path: each.stamp for path, each in carried.items()}
    there = [name for name, (path, _) in looks.items() if path in stamps]
    images, look_rows = _images(there, looks, stamps, files, carried, encoder, folder)
    texts = sorted({text for frame in items for text in _captions(frame, set(stamps))} | set(further))
    words, text_rows, cut = _texts(texts, encoder, folder)
    return Encoded(
        images,
        words,
        {name: int(row) for name, row in zip(there, look_rows, strict=True) if row >= 0},
        dict(zip(texts, text_rows.tolist(), strict=True)),
        cut,
        {path: content.size for path, content in known.items() if content.size is not None},
    )


def _images(
    there: Sequence[str],
    looks: Mapping[str, tuple[str, Crop | None]],
    stamps: Mapping[str, str],
    files: Mapping[str, Path],
    carried: Mapping[str, Carried],
    encoder: Encoder,
    folder: Path,
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of looks, each content and crop once, and the row of each of `there`, -1 where it does not decode."""
    keys = [look(stamps[path], crop) for path, crop in (looks[name] for name in there)]
    first = {key: place for place, key in reversed(list(enumerate(keys)))}
    unique = list(dict.fromkeys(keys))
    pictures = [_opener(stamps, files, carried, *looks[there[first[key]]]) for key in unique]
    values, rows = Cache(folder, "image").get(unique, lambda asked: encoder.images([pictures[row] for row in asked]))
    row_of = dict(zip(unique, rows.tolist(), strict=True))
    return values, np.array([row_of[key] for key in keys], dtype=np.int64)


def _texts(texts: Sequence[str], encoder: Encoder, folder: Path) -> tuple[np.ndarray, np.ndarray, frozenset[str]]:
    """Embeddings of texts, each sequence of tokens once; the row of each text; and the texts that are cut."""
    if not texts:
        return np.empty((0, 0), dtype=np.float32), np.empty(0, dtype=np.int64), frozenset()
    tokens, at = Cache(folder, "token").get(texts, lambda rows: encoder.tokens([texts[row] for row in rows]))
    read = tokens[at]
    names = [row.tobytes().hex() for row in read[:, :-1]]
    first = {name: place for place, name in reversed(list(enumerate(names)))}
    unique = list(dict.fromkeys(names))  # in the order of the texts: neighbors begin alike
    values, rows = Cache(folder, "text").get(
        unique, lambda asked: encoder.texts([texts[first[unique[row]]] for row in asked])
    )
    row_of = dict(zip(unique, rows.tolist(), strict=True))
    cut = frozenset(text for text, is_cut in zip(texts, read[:, -1], strict=True) if is_cut)
    return values, np.array([row_of[name] for name in names], dtype=np.int64), cut


def images_alone(paths: Sequence[str]) -> pl.DataFrame:
    """Images that no caption of their own is asked about, as items."""
    unique = sorted(set(paths))
    return pl.DataFrame(
        {"images": [[path] for path in unique], "captions": [[] for _ in unique], "crop": [None for _ in unique]},
        schema={"images": pl.List(pl.String), "captions": pl.List(pl.String), "crop": pl.List(pl.Float64)},
    )


def _looks(items: Sequence[pl.DataFrame]) -> dict[str, tuple[str, Crop | None]]:
    found: dict[str, tuple[str, Crop | None]] = {}
    for frame in items:
        for paths, crop in frame.select("images", "crop").iter_rows():
            for path in paths:
                found.setdefault(look(path, crop), (path, None if crop is None else tuple(crop)))
    return dict(sorted(found.items()))


def _captions(items: pl.DataFrame, seen: set[str]) -> pl.Series:
    """The captions of items that have an image to be asked about."""
    known = pl.Series(sorted(seen), dtype=pl.String)
    return (
        items.filter(pl.col("images").list.eval(pl.element().is_in(known.implode())).list.any())["captions"]
        .explode()
        .unique()
    )


def _opener(
    stamps: Mapping[str, str],
    files: Mapping[str, Path],
    carried: Mapping[str, Carried],
    path: str,
    crop: Crop | None,
) -> Callable[[], Image.Image | None]:
    if path in carried:
        return partial(_decoded, carried[path].opened, crop)
    return partial(_opened, files[path], stamps[path], crop)


def _opened(file: Path, digest: str, crop: Crop | None) -> Image.Image | None:
    """The picture, or None where it does not decode. What was read and cannot be found again stops the evaluation."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"an image cannot be read any more: {error.strerror}", file=file, remedy=_AGAIN) from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise InputError("an image changed while it was read", file=file, remedy=_AGAIN)
    return _decoded(partial(open_image_bytes, content), crop)


def _decoded(opened: Callable[[], Image.Image], crop: Crop | None) -> Image.Image | None:
    try:
        return cut(opened(), crop)
    except (InputError, ValueError):
        return None
