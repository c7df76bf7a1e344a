"""The corpus of one split from the tables that cross the stage's border; rows that cannot be used are set aside."""

from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import SCHEMAS, read_caption_set, read_table, table
from nearmiss.engine.formats.sound_tables import (
    Faults,
    legible_captions,
    sound_captions,
    sound_images,
    sound_objects,
    sound_relations,
)
from nearmiss.stages.negatives.candidates import Corpus
from nearmiss.stages.negatives.reserved import Reserved
from nearmiss.stages.negatives.shards import Captions


def read_corpus(
    captions: Path,
    images: Path | None = None,
    objects: Path | None = None,
    relations: Path | None = None,
    *,
    caption_set: str | None = None,
    split: str = "train",
    seed: int = 0,
    reserved: Path | None = None,
    faults: Faults | None = None,
) -> Corpus:
    """The captions of one set and split, and their annotations; without `images`, all captions and no annotations.

    What is set aside is added to `faults`. Raises `InputError` where a table is missing, captions are of unknown
    images, or the split has none.
    """
    faults = [] if faults is None else faults
    said = legible_captions(sound_captions(read_caption_set(captions, caption_set), captions, faults), captions, faults)
    shown = sound_images(read_table(images, "images"), images, faults) if images is not None else table("images", [])
    if images is not None:
        _check_images(said, shown, captions, images)
        shown = shown.filter(pl.col("split") == split).sort("image_id")
        said = said.join(shown.select("image_id"), on="image_id", how="semi")
    if said.is_empty():
        raise _nothing(split, captions, faults)
    return Corpus(
        captions=Captions(said.sort("image_id", "caption_id").select(SCHEMAS["captions"].names())),
        images=shown,
        objects=_objects(objects, shown, faults),
        relations=_relations(relations, shown, faults),
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


def _nothing(split: str, captions: Path, faults: Faults) -> InputError:
    if faults:
        first, file = faults[0]
        return InputError(
            f"no caption can be used; {len(faults)} records are set aside, the first because {first.problem}",
            file=file,
            record=first.record,
            remedy="correct the table",
        )
    return InputError(f"no captions of split '{split}'", file=captions, remedy="name a split that has images")


def _objects(path: Path | None, shown: pl.DataFrame, faults: Faults) -> pl.DataFrame:
    if path is None:
        return table("objects", [])
    return sound_objects(read_table(path, "objects"), shown, path, faults)


def _relations(path: Path | None, shown: pl.DataFrame, faults: Faults) -> pl.DataFrame:
    if path is None:
        return table("relations", [])
    relations = sound_relations(read_table(path, "relations"), path, faults)
    return relations.join(shown.select("image_id"), on="image_id", how="semi")
