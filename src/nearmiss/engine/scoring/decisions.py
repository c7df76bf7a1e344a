"""Items into decisions: 1x2, 1xN, 1x3 and 2x2 are one shape, images x captions with a truth matrix.

A single decision compares one true with one false pair: two captions of one image, or two images of one caption.
`accuracy` counts single decisions, a tie as half of one. `text`, `image` and `group` of a 2x2 item are Winoground's
(Thrush et al., CVPR 2022, section 3) and `strict` asks for every decision of an item; there a tie is wrong.
"""

from math import comb

import numpy as np
import polars as pl

from nearmiss.engine.benchmarks.spec import BINDING, POOLED
from nearmiss.engine.scoring.outcomes import ENDPOINT, MARGIN, ordered
from nearmiss.engine.scoring.statistics import clusters

Pair = tuple[int, int]
Decision = tuple[Pair, Pair]
Truth = tuple[tuple[bool, ...], ...]

GROUP_CHANCE = 1 / 6
"""Chance of the group score: of the 24 orders of four similarities, four put both true pairs above both false ones."""


def caption_decisions(truth: Truth) -> list[Decision]:
    """For each image, each true caption against each false one: ((image, true), (image, false))."""
    return [
        ((i, j), (i, k))
        for i, row in enumerate(truth)
        for j in range(len(row))
        for k in range(len(row))
        if row[j] > row[k]
    ]


def image_decisions(truth: Truth) -> list[Decision]:
    """For each caption, each image it is true of against each image it is false of."""
    count = range(len(truth))
    return [((i, j), (k, j)) for j in range(len(truth[0])) for i in count for k in count if truth[i][j] > truth[k][j]]


def outcomes(items: pl.DataFrame, similarity: pl.DataFrame) -> pl.DataFrame:
    """Outcomes of every endpoint of `items` (table `items`) for the similarities of (some of) them.

    `similarity` has item_id and similarity. Beside one endpoint for each form, the decisions of 1x2 and 2x2 are pooled
    (subset 1x2+2x2), and so is binding: operator swap on color, size and pattern.
    """
    whole = items.sort("item_id").with_columns(cluster=pl.Series(clusters(items.sort("item_id")["images"].to_list())))
    scored = whole.join(similarity.select("item_id", "similarity"), on="item_id", how="inner").sort("item_id")
    parts = [_of_one_truth(group) for _, group in scored.group_by("subset", "truth", maintain_order=True)]
    if not parts:
        return ordered([])
    frame = pl.concat(parts)
    pairs = frame.filter(pl.col("metric") == "accuracy", pl.col("subset").is_in(POOLED.split("+")))
    frame = pl.concat([frame, pairs.with_columns(subset=pl.lit(POOLED))])
    binding = frame.filter(pl.col("operator") == "swap", pl.col("concept").is_in(BINDING))
    return ordered([frame, binding.with_columns(concept=pl.lit("binding"))])


def blank(items: pl.DataFrame) -> pl.DataFrame:
    """Outcomes as if every item had been scored (perfectly): how many questions each endpoint has."""
    return outcomes(items, items.select("item_id", similarity=pl.col("truth").cast(pl.List(pl.List(pl.Float32)))))


def _of_one_truth(group: pl.DataFrame) -> pl.DataFrame:
    """Outcomes of items that have one form and one truth matrix, all at once."""
    truth: Truth = tuple(tuple(row) for row in group["truth"][0].to_list())
    flat = group["similarity"].explode().explode().to_numpy().astype(np.float64)
    values = flat.reshape(group.height, len(truth), len(truth[0]))
    texts, images = caption_decisions(truth), image_decisions(truth)
    shared = group.select(
        "benchmark",
        "subset",
        "concept",
        "operator",
        "condition",
        pl.lit(None, pl.String).alias("task"),
        "cluster",
        question="item_id",
    )

    def metric(name: str, chance: float, value: np.ndarray, weight: int, ties: np.ndarray) -> pl.DataFrame:
        return shared.with_columns(
            metric=pl.lit(name),
            value=pl.Series(value.astype(np.float64)),
            weight=pl.lit(float(weight)),
            ties=pl.Series(ties.astype(np.int64)),
            chance=pl.lit(chance),
        )

    every = texts + images
    won, tied = _decide(values, every)
    parts = [metric("accuracy", 0.5, won.sum(1) + 0.5 * tied.sum(1), len(every), tied.sum(1))]

    def whole_item(name: str, chance: float, decisions: list[Decision]) -> None:
        won, tied = _decide(values, decisions)
        parts.append(metric(name, chance, np.all(won, axis=1), 1, np.any(tied, axis=1)))

    if truth in (((True, False), (False, True)), ((False, True), (True, False))):
        whole_item("text", 0.25, texts)
        whole_item("image", 0.25, images)
        whole_item("group", GROUP_CHANCE, every)
    elif len(truth) == 1 and len(truth[0]) > 2:
        whole_item("strict", 1 / comb(len(truth[0]), sum(truth[0])), every)
    return pl.concat(parts).select(*ENDPOINT, "question", "cluster", "value", "weight", "ties", "chance")


def _decide(values: np.ndarray, decisions: list[Decision]) -> tuple[np.ndarray, np.ndarray]:
    """(items, decisions) bool twice: won by more than the margin, and tied within it."""
    right = np.stack([values[:, i, j] for (i, j), _ in decisions], axis=1)
    wrong = np.stack([values[:, i, j] for _, (i, j) in decisions], axis=1)
    gap = right - wrong
    return gap > MARGIN, np.abs(gap) <= MARGIN
