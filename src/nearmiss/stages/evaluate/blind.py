"""How much of a benchmark can be had without an image: probes of text, learnt inside of it or on training negatives."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from nearmiss import __version__
from nearmiss.base.tables import read_table
from nearmiss.engine.audit.measure import ALL, measured
from nearmiss.engine.audit.pairs import Pairs, load
from nearmiss.engine.audit.probe import Corpus
from nearmiss.engine.audit.registry import PROBES
from nearmiss.engine.scoring.checked import read_checked, write_checked

_LENGTH, _CLASSIFIER = (next(probe for probe in PROBES if probe.name == name) for name in ("length", "classifier"))
FEWEST = 50  # pairs of a part below which no probe is learnt
_MOST = 20_000  # training pairs that a probe learns from: more change its figures by less than their intervals

Blind = dict[str, float]
"""part -> share of its questions of two captions that a probe answers."""


def pairs_of(groups: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """image_id, type (the part), positive, negative: the questions of one image and two captions, one of them true."""
    asked = groups.join(items.select("item_id", "images", "captions", "truth", "subset"), on="item_id")
    asked = asked.filter(pl.col("subset") == "1x2").with_columns(first=pl.col("truth").list.first().list.first())
    one, other = pl.col("captions").list.get(0), pl.col("captions").list.get(1)
    frame = asked.select(
        pl.col("images").list.first().alias("image_id"),
        pl.col("part").alias("type"),
        pl.when("first").then(one).otherwise(other).alias("positive"),
        pl.when("first").then(other).otherwise(one).alias("negative"),
    )
    return frame.filter(pl.len().over("type") >= FEWEST)


def inside(frame: pl.DataFrame, kept: Path) -> Blind:
    """The best probe of each part of `pairs_of`, learnt on its other folds: folds by image and by what is exchanged.

    Length and a classifier on words. The highest of their figures is taken, so that it lies a little above chance where
    there is nothing to find. No model is asked, so the answer is kept in the folder `kept`, by what was asked.
    """
    if frame.is_empty():
        return {}
    stem = f"blind-{_digest(frame)}"
    for _, content in read_checked(Path(kept), stem, ".json"):
        found: Blind = json.loads(content)
        return found
    found = _learnt_inside(frame)
    write_checked(Path(kept), stem, ".json", json.dumps(found, sort_keys=True).encode())
    return found


def _learnt_inside(frame: pl.DataFrame) -> Blind:
    rows = measured(_pairs(frame), (_LENGTH, _CLASSIFIER), Corpus(), name="items", seed=0)
    best = rows.filter(pl.col("type") != ALL).group_by("type").agg(pl.col("accuracy").max()).sort("type")
    return dict(best.iter_rows())


def learnt_on(negatives: Path) -> Callable[[pl.DataFrame], Blind]:
    """The same classifier, learnt on the pairs of table `negatives`, asked about the parts of `pairs_of`."""
    training = read_table(negatives, "negatives").select(
        "image_id", pl.lit("training").alias("type"), "positive", "negative"
    )
    training = training.sort(pl.all()).sample(min(training.height, _MOST), seed=0)

    def asked(frame: pl.DataFrame) -> Blind:
        if frame.is_empty():
            return {}
        both = _pairs(pl.concat([training, frame.select(training.columns)]))
        own = np.asarray(both.kind, dtype=object) == "training"
        fold = (np.flatnonzero(own), np.flatnonzero(~own))
        right = _CLASSIFIER.outcomes(both, [fold], Corpus())
        return {kind: float(right[places].mean()) for kind, places in both.kinds.items() if kind != "training"}

    return asked


def _digest(frame: pl.DataFrame) -> str:
    asked = [_LENGTH.name, _CLASSIFIER.name, __version__, *map(str, frame.sort(pl.all()).iter_rows())]
    return hashlib.blake2b("\n".join(asked).encode(), digest_size=16).hexdigest()


def _pairs(frame: pl.DataFrame) -> Pairs:
    return load(frame, file=Path("items")).pairs
