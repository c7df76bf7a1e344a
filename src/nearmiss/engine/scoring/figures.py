"""Figures of published benchmarks from decisions: value, interval, chance, and over how many of how many items.

Every interval resamples clusters of items that share images (statistics.py). Averages over parts count each part alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import factorial

import numpy as np
import polars as pl

from nearmiss.engine.benchmarks.published import Rule, Source
from nearmiss.engine.scoring.published import SIDES
from nearmiss.engine.scoring.statistics import clusters, interval

RESAMPLES, LEVEL = 1000, 0.95
MEAN = "mean"
"""The part that stands for all parts, each counted alike."""
SCORE = "score"
"""The metric that a benchmark reports of its items: what `Rule.asked` says that an item must win."""
MAIN = {"captions": "text", "images": "image", "both": "group"}
"""Which decision that is."""


@dataclass(frozen=True)
class Figure:
    """A row of metrics. `value`, `low` and `high` are shares, None where nothing was scored."""

    benchmark: str
    part: str
    metric: str
    side: str
    value: float | None
    low: float | None
    high: float | None
    chance: float
    n_scored: int
    n_expected: int


SCHEMA = pl.Schema(
    {name: pl.String for name in ("benchmark", "part", "metric", "side")}
    | {name: pl.Float64 for name in ("value", "low", "high", "chance")}
    | {name: pl.Int64 for name in ("n_scored", "n_expected")}
)
"""A table of figures."""


def figures(
    groups: pl.DataFrame, decided: pl.DataFrame, items: pl.DataFrame, rule: Rule, source: Source
) -> list[Figure]:
    """A figure for each part, for each average of parts, and for each metric that applies to them.

    `groups` are the rows that count, `decided` the decisions, `items` table `items`. Items of one image and one caption
    have no decision: alone.py has their figures.
    """
    chance = _chances(items)
    named = groups.select("item", pl.col("part", "stratum").cast(pl.Categorical))
    rows = named.join(decided.select("item", *SIDES), on="item", how="left").sort("item")
    rows = rows.with_columns(cluster=clusters_of(items["images"]).gather(rows["item"]))
    rows = rows.filter(~pl.Series(np.isnan(chance["text"][rows["item"].to_numpy()])))
    if rows.is_empty():
        return []
    found = []
    every = sorted(rows["part"].unique().to_list())
    for part, parts in averaged(every, source.averages).items():
        counted = rows if parts == every else rows.filter(pl.col("part").is_in(parts))
        found += [
            _figure(counted, source.name, part, metric, side, chance[side], rule)
            for metric, side in _metrics(counted, rule)
        ]
    return found


def clusters_of(images: pl.Series) -> pl.Series:
    """The cluster of each list of images, int; lists that are alike are looked at once."""
    keys = images.list.join("\n").cast(pl.Categorical).to_physical()
    first = pl.DataFrame({"key": keys, "images": images}).unique("key", keep="first", maintain_order=True)
    cluster = clusters(first["images"].to_list())
    return keys.replace_strict(first["key"], pl.Series(cluster), return_dtype=pl.Int64)


def averaged(parts: Sequence[str], averages: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """What each figure is the mean of: every part of itself, then the source's averages, then all parts."""
    found = {part: [part] for part in sorted(parts)}
    found |= {
        name: [part for part in sorted(parts) if any(fnmatchcase(part, pattern) for pattern in patterns)]
        for name, patterns in averages.items()
    }
    if len(parts) > 1:
        found[MEAN] = sorted(parts)
    return {name: of for name, of in found.items() if of}


def weights(rows: pl.DataFrame, rule: Rule) -> np.ndarray:
    """What each row weighs, (rows,): each part 1 in all, and in it each item alike, or each stratum (`macro`)."""
    within = 1 / pl.len().over("part", "stratum") if rule.macro else pl.lit(1.0)
    found = rows.select(pl.col("part"), w=within).select(pl.col("w") / pl.col("w").sum().over("part"))
    return found["w"].to_numpy()


def _metrics(rows: pl.DataFrame, rule: Rule) -> list[tuple[str, str]]:
    """(metric, side): what the benchmark reports, and of items with two images what else there is to see."""
    main = MAIN[rule.asked]
    if rows["image"].null_count() == rows.height:
        return [(SCORE, main)]
    return [(SCORE, main), *((side, side) for side in SIDES if side != main)]


def _figure(
    rows: pl.DataFrame, benchmark: str, part: str, metric: str, side: str, chance: np.ndarray, rule: Rule
) -> Figure:
    by_chance = float(np.average(chance[rows["item"].to_numpy()], weights=weights(rows, rule)))
    scored = rows.drop_nulls(side)
    counts = (scored.height, rows.height)
    if scored.is_empty():
        return Figure(benchmark, part, metric, side, None, None, None, by_chance, *counts)
    weight = weights(scored, rule)
    right = scored[side].cast(pl.Float64).to_numpy()
    low, high = interval(
        right * weight,
        weight,
        scored["cluster"].to_numpy(),
        resamples=RESAMPLES,
        level=LEVEL,
        names=(benchmark, part, metric),
    )
    return Figure(
        benchmark, part, metric, side, float((right * weight).sum() / weight.sum()), low, high, by_chance, *counts
    )


def _chances(items: pl.DataFrame) -> dict[str, np.ndarray]:
    """Chance of each item for each side when similarities are drawn, (items,) float64; NaN where nothing is decided."""
    row = pl.element().list.eval(pl.element().cast(pl.Int8).cast(pl.String)).list.join("")
    shapes = items.select(shape=pl.col("truth").list.eval(row).list.join("/"))["shape"]
    known = {shape: _chance([[mark == "1" for mark in part] for part in shape.split("/")]) for shape in shapes.unique()}
    return {
        side: shapes.replace_strict(
            {shape: each[side] for shape, each in known.items()}, return_dtype=pl.Float64
        ).to_numpy()
        for side in SIDES
    }


def _chance(truth: list[list[bool]]) -> dict[str, float]:
    if len(truth) == len(truth[0]) == 1:
        return dict.fromkeys(SIDES, float("nan"))
    columns = [list(column) for column in zip(*truth, strict=True)]
    text, image = (float(np.prod([_all_above(row) for row in side])) for side in (truth, columns))
    square = truth in ([[True, False], [False, True]], [[False, True], [True, False]])
    return {"text": text, "image": image, "group": 1 / 6 if square else text * image, "interaction": 0.5}


def _all_above(row: list[bool]) -> float:
    """How likely all true entries of a row lie above all false ones, all orders being alike."""
    true = sum(row)
    return factorial(true) * factorial(len(row) - true) / factorial(len(row))
