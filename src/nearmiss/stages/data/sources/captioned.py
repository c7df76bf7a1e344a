"""Images with captions and no annotations as tables: what Flickr, folders and WebDataset shards share."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from nearmiss.engine.formats.photographs import Aside, Photographs
from nearmiss.engine.formats.set_aside import of_images
from nearmiss.stages.data.sources.photographs import PhotographSource
from nearmiss.stages.data.sources.splits import Splits
from nearmiss.stages.data.sources.tables import SourceTables, check_images, of_set, unusable_images


def read_captioned(
    source: PhotographSource,
    images: pl.DataFrame,
    captions: pl.DataFrame,
    splits: Splits,
    *,
    listed: Path,
    key: str,
    splits_key: str,
    workers: int,
    below: Sequence[str] = ("",),
    set_aside: Iterable[Aside] = (),
    inputs: dict[str, str] | None = None,
) -> SourceTables:
    """Decode the images that `splits` chooses, and keep their captions.

    Args:
        source: the source.
        images: table `images`; files are looked for in the folders `below` the root.
        captions: table `captions`.
        splits: the images that are used, and their splits.
        listed: the file that lists the images, and `key` its option, for messages.
        key: see `listed`.
        splits_key: the option that splits come from.
        workers: number of processes that decode.
        below: folders of images.
        set_aside: records that are set aside already.
        inputs: SHA-256 of the files.
    """
    photographs = Photographs(Path(source.root), splits.choose, workers, below=below)
    usable = photographs.usable(images)
    check_images(photographs, usable.height, listed=listed, key=key, max_faulty=source.max_faulty)
    return SourceTables(
        images=splits.assigned(photographs.with_file_sizes(usable)).with_columns(source=pl.lit(source.name)),
        captions=of_set(of_images(captions, usable["image_id"])),
        set_aside=[*set_aside, *unusable_images(photographs), *splits.aside],
        image_hashes=photographs.hashes,
        perceptual_hashes=photographs.perceptual_hashes,
        inputs=inputs or {},
        named={"captions": (listed, key), "splits": (listed, splits_key)},
    )
