"""Shards of images and captions as tables."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from nearmiss.base.progress import progress
from nearmiss.base.tables import table
from nearmiss.base.workers import map_in_order
from nearmiss.engine.formats.photographs import Aside
from nearmiss.engine.formats.webdataset import Sample, Shard, read_shard
from nearmiss.stages.data.sources.captioned import read_captioned
from nearmiss.stages.data.sources.splits import Splits
from nearmiss.stages.data.sources.tables import SourceTables

if TYPE_CHECKING:
    from nearmiss.stages.data.sources.webdataset import WebDatasetSource


def read(source: "WebDatasetSource", workers: int) -> SourceTables:
    """The tables. The id of an image is its key; where a key is in two shards, ids are "SHARD/KEY"."""
    root, names = Path(source.root), source.shard_names()
    preload = ["nearmiss.engine.formats.webdataset"]
    read_all = map_in_order(read_shard, (root, source.caption_field), names, workers, preload=preload)
    shards: list[Shard] = list(progress(read_all, what="read shards", total=len(names)))
    repeated = _repeated(shards)
    images: list[pl.DataFrame] = []
    captions: list[pl.DataFrame] = []
    aside: list[Aside] = []
    for shard in shards:
        prefix = f"{Path(shard.name).with_suffix('').as_posix()}/" if repeated else ""
        images.append(_images(shard.samples, prefix, source.name))
        captions.append(_captions(shard.samples, prefix))
        aside += [Aside(None if key is None else f"{prefix}{key}", None, reason) for key, reason in shard.set_aside]
    found = read_captioned(
        source,
        pl.concat(images),
        pl.concat(captions),
        Splits(source.seed, source.limit, shares=source.splits),
        listed=root,
        key="shards",
        splits_key="splits",
        workers=workers,
        set_aside=aside,
    )
    found.image_hashes |= {f"{shard.name}.texts": shard.digest for shard in shards}
    return found


def _repeated(shards: list[Shard]) -> bool:
    """Whether a key is in two shards."""
    keys = Counter(sample.key for shard in shards for sample in shard.samples)
    return any(count > 1 for count in keys.values())


def _images(samples: list[Sample], prefix: str, source: str) -> pl.DataFrame:
    image = {"width": None, "height": None, "split": "train", "source": source}
    return table("images", [{"image_id": f"{prefix}{each.key}", "file": each.file, **image} for each in samples])


def _captions(samples: list[Sample], prefix: str) -> pl.DataFrame:
    rows = [
        {
            "caption_id": f"{prefix}{each.key}#{at}",
            "image_id": f"{prefix}{each.key}",
            "text": text,
            "source": "published",
        }
        for each in samples
        for at, text in enumerate(each.captions)
    ]
    return table("captions", rows)
