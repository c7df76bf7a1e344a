"""The world's isolating benchmark: items of each concept, operator, condition and form."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.base.tables import read_table
from nearmiss.engine.benchmarks.gaps import refuse_gaps
from nearmiss.engine.benchmarks.measurement import Measurement
from nearmiss.engine.benchmarks.spec import FORMS, POOLED
from nearmiss.engine.images.decode import pixel_box


@dataclass(frozen=True)
class Items:
    """Items of a benchmark (table `items`, sorted by item_id) and how they are measured."""

    frame: pl.DataFrame
    measurement: Measurement


def load(tables: Path, split: str) -> Items:
    """Read `items_<split>.parquet` from the folder of tables.

    Raises InputError where the table is missing or empty, an item has a gap, a form that cannot be scored or a crop
    that holds no pixel, or its truth does not fit its images and captions.
    """
    path = Path(tables) / f"items_{split}.parquet"
    frame = read_table(path, "items").sort("item_id")
    if frame.is_empty():
        raise InputError("a benchmark has no items", file=path, remedy="give the split items, or score another split")
    _check(frame, path)
    measurement = Measurement(
        benchmark="world",
        split=split,
        source="written from the truth of the embedded world",
        hashes={path.name: sha256(path)},
        subsets=f"one subset a form; {POOLED} counts the decisions of both forms together; binding counts operator "
        "swap on color, size and pattern together",
        metrics={
            "accuracy": "share of single decisions: of an image, a true against a false caption; of a caption, a true "
            "against a false image",
            "text": "2x2: both images prefer their own caption",
            "image": "2x2: both captions prefer their own image",
            "group": "2x2: text and image",
            "strict": "1xN and 1x3: every decision of the item is right",
        },
        averaging="micro over the decisions of a subset",
        ties="similarities within 1e-6 are a tie: half a decision in accuracy, wrong in every other metric, counted",
        crop="none",
    )
    return Items(frame, measurement)


def _check(frame: pl.DataFrame, path: Path) -> None:
    refuse_gaps(frame, ("item_id", "images", "captions", "truth"), file=path, key="item_id")
    if (twice := frame.filter(frame["item_id"].is_duplicated())).height:
        raise InputError("two items have one id", file=path, record=twice["item_id"][0], remedy="make the table again")
    if (other := frame.filter(~pl.col("subset").is_in(FORMS))).height:
        raise InputError(
            f"an item has the form {other['subset'][0]!r}",
            file=path,
            record=other["item_id"][0],
            remedy=f"forms that can be scored are {', '.join(FORMS)}",
        )
    for item_id, crop in frame.filter(pl.col("crop").is_not_null()).select("item_id", "crop").iter_rows():
        try:
            pixel_box([float("nan") if value is None else value for value in crop])
        except ValueError as error:
            raise InputError(str(error), file=path, record=item_id, remedy="make the table again") from None
    misfit = frame.filter(
        (pl.col("truth").list.len() != pl.col("images").list.len())
        | (pl.col("truth").list.eval(pl.element().list.len()).list.min() != pl.col("captions").list.len())
        | (pl.col("truth").list.eval(pl.element().list.len()).list.max() != pl.col("captions").list.len())
    )
    if misfit.height:
        raise InputError(
            "an item's truth does not fit its images and captions",
            file=path,
            record=misfit["item_id"][0],
            remedy="make the table again",
        )
