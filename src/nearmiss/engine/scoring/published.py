"""From cached embeddings to decisions on published benchmarks: table work, with no model and no loop over items.

An item has images, captions, and which captions are true of which image. A decision between captions is won where every
true one lies above every false one, for every image; between images likewise, for every caption. What an item must win
and what a tie is, is the benchmark's own rule. How decisions become figures: figures.py.
"""

from typing import Any

import numpy as np
import polars as pl

from nearmiss.engine.benchmarks.published import Rule
from nearmiss.engine.scoring.encoded import Encoded

_CHUNK = 1 << 12  # rows whose embeddings fit into a core's cache
_LOT = 1 << 16  # items
SIDES = ("text", "image", "group", "interaction")


def answers(items: pl.DataFrame, encoded: Encoded, rule: Rule) -> pl.DataFrame:
    """item, similarity (images x captions, NaN without an image) and what `decisions` says, for table `items`.

    Items are taken in lots, so that memory grows with the answers alone.
    """
    found = []
    for start in range(0, items.height, _LOT):
        asked = lines(items.slice(start, _LOT))
        cosine = similarities(asked, encoded)
        nested = (
            asked.select("item", "image", s=pl.Series(cosine)).group_by("item", "image", maintain_order=True).agg("s")
        )
        nested = nested.group_by("item", maintain_order=True).agg(similarity="s")
        decided = nested.join(decisions(asked, cosine, rule), on="item", how="left", maintain_order="left")
        found.append(decided.with_columns(pl.col("item") + start))
    return pl.concat(found)


def lines(items: pl.DataFrame) -> pl.DataFrame:
    """One row for each image and caption of each item: item, image (its place there), caption, look, text, truth.

    `items` is table `items`; item is a row of it; `look` names an image with its crop.
    """
    crop = (
        pl.when(pl.col("crop").is_null())
        .then(pl.lit(""))
        .otherwise(pl.lit("#") + pl.col("crop").list.eval(pl.element().cast(pl.String)).list.join(","))
    )
    rows = items.select("images", "captions", "truth", crop=crop).with_row_index("item")
    rows = rows.with_columns(image=pl.int_ranges(pl.col("images").list.len()))
    rows = rows.explode("images", "truth", "image").with_columns(look=pl.col("images") + pl.col("crop"))
    rows = rows.with_columns(caption=pl.int_ranges(pl.col("captions").list.len()))
    return rows.explode("captions", "truth", "caption").select(
        "item", "image", "caption", "look", pl.col("captions").alias("text"), "truth"
    )


def similarities(asked: pl.DataFrame, encoded: Encoded) -> np.ndarray:
    """Cosines (rows of `lines`,) float32; NaN without an image."""
    row = asked["look"].replace_strict(encoded.look_rows, default=-1, return_dtype=pl.Int64).to_numpy()
    column = asked["text"].replace_strict(encoded.text_rows, default=-1, return_dtype=pl.Int64).to_numpy()
    found = np.full(len(row), np.nan, dtype=np.float32)
    there = np.flatnonzero((row >= 0) & (column >= 0))
    for start in range(0, len(there), _CHUNK):
        part = there[start : start + _CHUNK]
        found[part] = np.einsum("nd,nd->n", encoded.images[row[part]], encoded.texts[column[part]])
    return found


def equal_items(items: pl.DataFrame, encoded: Encoded) -> list[str]:
    """Ids of items of table `items` in which a true and a false caption of an image are the same to the model.

    Their captions are the same tokens, so they share an embedding and tie, whatever the image.
    """
    texts = items.select("captions").with_row_index("item").explode("captions")
    row = texts["captions"].replace_strict(encoded.text_rows, default=-1, return_dtype=pl.Int64).to_numpy()
    known = row >= 0
    named = np.sort(texts["item"].to_numpy()[known].astype(np.int64) * (len(encoded.texts) + 1) + row[known])
    twice = np.unique(named[1:][named[1:] == named[:-1]] // (len(encoded.texts) + 1))
    asked = lines(items[twice.tolist()])
    asked = asked.with_columns(row=pl.col("text").replace_strict(encoded.text_rows, default=-1, return_dtype=pl.Int64))
    both = (
        asked.filter(pl.col("row") >= 0)
        .group_by("item", "image", "row")
        .agg(both=pl.col("truth").any() & ~pl.col("truth").all())
    )
    found = both.filter("both")["item"].unique().sort()
    return items["item_id"].gather(twice[found.to_numpy()]).to_list()


def decisions(asked: pl.DataFrame, similarity: Any, rule: Rule) -> pl.DataFrame:
    """item, and whether it is right as text, image, group and interaction (bool, null where that is not asked).

    Items with a similarity that is no number are left out.
    """
    rows = asked.with_columns(s=pl.Series(similarity)).with_columns(whole=pl.col("s").is_not_nan().all().over("item"))
    rows = rows.filter("whole")
    tie = rule.ties == "right"

    def won(by: str) -> pl.DataFrame:
        true, false = pl.col("s").filter(pl.col("truth")), pl.col("s").filter(~pl.col("truth"))
        each = rows.group_by("item", by).agg(low=true.min(), high=false.max()).drop_nulls()
        right = pl.col("low") >= pl.col("high") if tie else pl.col("low") > pl.col("high")
        return each.group_by("item").agg(won=right.all())

    signed = pl.when(pl.col("truth")).then(pl.col("s").cast(pl.Float64)).otherwise(-pl.col("s").cast(pl.Float64))
    found = rows.group_by("item").agg(
        interaction=signed.sum() > 0, square=(pl.len() == 4) & (pl.col("image").max() == 1)
    )
    found = found.join(won("image").rename({"won": "text"}), on="item", how="left")
    found = found.join(won("caption").rename({"won": "image"}), on="item", how="left")
    both = pl.col("text") & pl.col("image")
    return found.select(
        "item",
        "text",
        "image",
        group=both,
        interaction=pl.when("square").then("interaction"),
    ).sort("item")


def kept(groups: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """The rows of `groups` (item_id, part, stratum, place, item) that a rule counts."""
    if rule.first is not None:
        groups = groups.filter(pl.col("place").rank("ordinal").over("part") <= rule.first)
    groups = groups.filter(~pl.col("stratum").is_in(list(rule.without)))
    least = pl.col("part").replace_strict(dict(rule.least), default=1, return_dtype=pl.Int64)
    return groups.filter(pl.len().over("part", "stratum") >= least)
