"""What benchmarks ask of a model, encoded: each unique image (with its crop) and text once, and kept on disk."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks.published import Carried, Folders
from nearmiss.engine.scoring.answers import Crop
from nearmiss.engine.scoring.cache import Cache
from nearmiss.engine.scoring.embeddings import open_image
from nearmiss.engine.scoring.encoded import Encoded
from nearmiss.engine.scoring.encoder import Encoder


def look(path: str, crop: Sequence[float] | None) -> str:
    """The name of an image as it is looked at."""
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

    What `folder` keeps is not made again. `carried` opens the pictures that lie inside of a benchmark's own file.
    Raises InputError where the model gives an embedding that is not finite.
    """
    looks = _looks(items)
    stamps = {path: _stamp(folders, path, carried) for path in {path for path, _ in looks.values()}}
    there = [name for name, (path, _) in looks.items() if stamps[path] is not None]
    keys = [f"{name}@{stamps[looks[name][0]]}" for name in there]
    pictures = [_opener(folders, carried, *looks[name]) for name in there]
    images = Cache(folder, "image").get(keys, lambda rows: encoder.images([pictures[row] for row in rows]))
    seen = {path for path, stamp in stamps.items() if stamp is not None}
    texts = sorted({text for frame in items for text in _captions(frame, seen)} | set(further))
    words = Cache(folder, "text").get(texts, lambda rows: encoder.texts([texts[row] for row in rows]))
    read = np.isfinite(images[:, 0]) if len(images) else np.empty(0, dtype=bool)
    return Encoded(
        images[read],
        words,
        {name: row for row, name in enumerate(name for name, seen in zip(there, read, strict=True) if seen)},
        {text: row for row, text in enumerate(texts)},
    )


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


def _stamp(folders: Folders, path: str, carried: Mapping[str, Carried]) -> str | None:
    """What changes when a picture does: size and time of its file; None where there is none."""
    if path in carried:
        return carried[path].stamp
    try:
        status = folders.path(path).stat()
    except OSError:
        return None
    return f"{status.st_size}-{status.st_mtime_ns}"


def _opener(
    folders: Folders, carried: Mapping[str, Carried], path: str, crop: Crop | None
) -> Callable[[], Image.Image | None]:
    return carried[path].opened if path in carried else partial(_opened, folders.path(path), crop)


def _opened(file: Path, crop: Crop | None) -> Image.Image | None:
    """The picture, or None where it does not decode."""
    try:
        return open_image(file, crop)
    except InputError:
        return None
