"""Rows of tables that cannot be used are set aside with a reason, as by the readers of JSON (formats/set_aside.py).

A missing object would count as absent, so all annotations of an image with a malformed object are set aside.
"""

from pathlib import Path

import polars as pl

from nearmiss.engine.formats.set_aside import Fault
from nearmiss.engine.text.category_names import with_readable_objects, with_readable_predicates
from nearmiss.engine.text.legible import illegible

Faults = list[tuple[Fault, Path]]
"""A fault and its file."""

_SIDES = ("x", "y", "w", "h")


def sound_captions(captions: pl.DataFrame, path: Path, faults: Faults) -> pl.DataFrame:
    """The captions with a unique id, an image and a text."""
    reason = _first_reason(
        {
            "its 'caption_id' is null": pl.col("caption_id").is_null(),
            "its 'image_id' is null": pl.col("image_id").is_null(),
            "its 'text' is null": pl.col("text").is_null(),
            "the caption is empty": pl.col("text").str.strip_chars() == "",
            "its id occurs twice": pl.col("caption_id").is_duplicated(),
        }
    )
    wrong, sound = _parted(captions, reason)
    for row in wrong.iter_rows(named=True):
        named = "caption", row["caption_id"], row["row"]
        faults.append((Fault(_name(*named), row["reason"], row["image_id"], row["caption_id"], row["text"]), path))
    return sound


def legible_captions(captions: pl.DataFrame, path: Path, faults: Faults, record: str = "caption") -> pl.DataFrame:
    """The captions that generators can read (text/legible.py); `record` is the file's term for a caption."""
    why = pl.Series("why", [illegible(text) for text in captions["text"]], dtype=pl.String)
    for row in captions.with_columns(why).filter(why.is_not_null()).iter_rows(named=True):
        name = f"{record} {row['caption_id']}"
        faults.append((Fault(name, row["why"], row["image_id"], row["caption_id"], row["text"]), path))
    return captions.filter(why.is_null())


def sound_images(images: pl.DataFrame, path: Path, faults: Faults) -> pl.DataFrame:
    """The images with a unique id."""
    reason = _first_reason(
        {
            "its 'image_id' is null": pl.col("image_id").is_null(),
            "its id occurs twice": pl.col("image_id").is_duplicated(),
        }
    )
    wrong, sound = _parted(images, reason)
    for row in wrong.iter_rows(named=True):
        faults.append((Fault(_name("image", row["image_id"], row["row"]), row["reason"], row["image_id"]), path))
    return sound


def sound_objects(objects: pl.DataFrame, images: pl.DataFrame, path: Path, faults: Faults) -> pl.DataFrame:
    """The objects of `images`, names as words, without images with a malformed object."""
    sized = images.select("image_id", sized=pl.col("width").is_not_null() & pl.col("height").is_not_null())
    objects = with_readable_objects(objects)
    joined = objects.join(sized, on="image_id", how="left", maintain_order="left", nulls_equal=False)
    reason = _first_reason(
        {
            "its 'image_id' is null": pl.col("image_id").is_null(),
            "its 'object_id' is null": pl.col("object_id").is_null(),
            "an object has no name": pl.col("name").is_null() | (pl.col("name").str.strip_chars() == ""),
            "a box is not x, y, w, h": ~pl.all_horizontal(pl.col(_SIDES).is_finite().fill_null(False))
            | (pl.min_horizontal("w", "h") < 0),
            "its id occurs twice": pl.col("object_id").is_duplicated(),
            "its image has no width and height": ~pl.col("sized"),
        }
    )
    wrong, sound = _parted(joined.filter(pl.col("sized").is_not_null() | pl.col("image_id").is_null()), reason)
    spoiled = wrong["image_id"].drop_nulls().unique()
    for row in wrong.iter_rows(named=True):
        problem = f"{row['reason']}; the image's annotations are set aside with it"
        faults.append((Fault(_name("object", row["object_id"], row["row"]), problem, row["image_id"]), path))
    return sound.filter(~pl.col("image_id").is_in(spoiled.implode())).drop("sized")


def sound_relations(relations: pl.DataFrame, path: Path, faults: Faults) -> pl.DataFrame:
    """The relations that have two objects and a predicate, predicates as words."""
    columns = relations.columns
    reason = _first_reason({f"its '{column}' is null": pl.col(column).is_null() for column in columns})
    wrong, sound = _parted(relations, reason)
    for row in wrong.iter_rows(named=True):
        faults.append((Fault(_name("relation", None, row["row"]), row["reason"], row["image_id"]), path))
    return with_readable_predicates(sound)


def _first_reason(reasons: dict[str, pl.Expr]) -> pl.Expr:
    """The first reason that applies to a row; null if none does."""
    return pl.coalesce(pl.when(holds).then(pl.lit(reason)) for reason, holds in reasons.items()).alias("reason")


def _parted(frame: pl.DataFrame, reason: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that have a reason, with columns `row` and `reason`, and the unchanged others."""
    checked = frame.with_row_index("row").with_columns(reason)
    return checked.filter(pl.col("reason").is_not_null()), frame.filter(checked["reason"].is_null())


def _name(kind: str, known: str | None, row: int) -> str:
    return f"{kind} {known}" if known is not None else f"{kind} without an id, row {row}"
