"""The corpus of one split from the tables that cross the stage's border."""

from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import SCHEMAS, read_table, table
from nearmiss.stages.negatives.candidates import Corpus
from nearmiss.stages.negatives.reserved import Reserved
from nearmiss.stages.negatives.shards import Captions


def read_corpus(
    captions: Path,
    images: Path | None = None,
    objects: Path | None = None,
    relations: Path | None = None,
    *,
    split: str = "train",
    seed: int = 0,
    reserved: Path | None = None,
) -> Corpus:
    """The captions of one split's images and their annotations; without `images`, all captions and no annotations.

    Raises `InputError` where a table is missing, captions are of unknown images, or the split has none.
    """
    said = read_table(captions, "captions")
    shown = read_table(images, "images") if images is not None else table("images", [])
    if images is not None:
        _check_images(said, shown, captions, images)
        shown = shown.filter(pl.col("split") == split).sort("image_id")
        said = said.join(shown.select("image_id"), on="image_id", how="semi")
    if said.is_empty():
        raise InputError(f"no captions of split '{split}'", file=captions, remedy="name a split that has images")
    return Corpus(
        captions=Captions(said.sort("image_id", "caption_id").select(SCHEMAS["captions"].names())),
        images=shown,
        objects=_of_images(objects, "objects", shown),
        relations=_of_images(relations, "relations", shown),
        seed=seed,
        reserved=Reserved.read(reserved) if reserved is not None else Reserved(),
    )


def _check_images(said: pl.DataFrame, shown: pl.DataFrame, captions: Path, images: Path) -> None:
    unknown = said.join(shown.select("image_id"), on="image_id", how="anti")
    if not unknown.is_empty():
        first = unknown.sort("caption_id").row(0, named=True)
        raise InputError(
            f"{unknown.height} captions are of images that {images.name} does not have",
            file=captions,
            record=f"caption {first['caption_id']} of image {first['image_id']}",
            remedy="give tables of one data set",
        )


def _of_images(path: Path | None, name: str, shown: pl.DataFrame) -> pl.DataFrame:
    if path is None:
        return table(name, [])
    return read_table(path, name).join(shown.select("image_id"), on="image_id", how="semi")
