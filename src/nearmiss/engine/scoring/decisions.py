"""Item benchmarks: similarities of every item, and outcomes of its decisions under the benchmark's `Measurement`.

An item has images, captions, and a truth matrix: 1x2, 1xN, 1x3 and 2x2 have the same form. A single decision compares
one true with one false pair: two captions of one image, or two images of one caption. `text`, `image` and `group` of a
2x2 item are Winoground's (Thrush et al., CVPR 2022, section 3); `interaction` compares the sum of both true pairs with
that of both false ones.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from math import factorial, prod

import numpy as np
import polars as pl

from nearmiss.engine.benchmarks.benchmark import ItemBenchmark, Measurement
from nearmiss.engine.benchmarks.spec import MEAN, grouped
from nearmiss.engine.scoring.embeddings import Embeddings
from nearmiss.engine.scoring.endpoints import OUTCOMES
from nearmiss.engine.scoring.statistics import clusters

NESTED = pl.List(pl.List(pl.Float32))
Truth = tuple[tuple[bool, ...], ...]
Pair = tuple[int, int]
Decision = tuple[Pair, Pair]
"""((image, caption) of the true pair, (image, caption) of the false pair)."""

SCORE, ACCURACY = "score", "accuracy"
_CHUNK = 1 << 12  # rows whose embeddings fit into the cache of a CPU core
_LOT = 1 << 16  # items that are compared at the same time, so that memory grows only with the results


def caption_decisions(truth: Truth) -> list[Decision]:
    """For each image, each true caption against each false one."""
    return [
        ((i, j), (i, k))
        for i, row in enumerate(truth)
        for j in range(len(row))
        for k in range(len(row))
        if row[j] > row[k]
    ]


def image_decisions(truth: Truth) -> list[Decision]:
    """For each caption, each image that it is true of against each image that it is false of."""
    count = range(len(truth))
    return [((i, j), (k, j)) for j in range(len(truth[0])) for i in count for k in count if truth[i][j] > truth[k][j]]


def pairs(items: pl.DataFrame) -> pl.DataFrame:
    """One row per image and caption of each item: item (row of `items`), image, caption, view, text, truth."""
    crop = (
        pl.when(pl.col("crop").is_null())
        .then(pl.lit(""))
        .otherwise(pl.lit("#") + pl.col("crop").list.eval(pl.element().cast(pl.String)).list.join(","))
    )
    rows = items.select("images", "captions", "truth", crop=crop).with_row_index("item")
    rows = rows.with_columns(image=pl.int_ranges(pl.col("images").list.len()))
    rows = rows.explode("images", "truth", "image").with_columns(view=pl.col("images") + pl.col("crop"))
    rows = rows.with_columns(caption=pl.int_ranges(pl.col("captions").list.len()))
    return rows.explode("captions", "truth", "caption").select(
        "item", "image", "caption", "view", pl.col("captions").alias("text"), "truth"
    )


def cosines(rows: pl.DataFrame, embeddings: Embeddings) -> np.ndarray:
    """Cosine similarities (rows of `pairs`,) float32; NaN without an image."""
    row = rows["view"].replace_strict(embeddings.view_rows, default=-1, return_dtype=pl.Int64).to_numpy()
    column = rows["text"].replace_strict(embeddings.text_rows, default=-1, return_dtype=pl.Int64).to_numpy()
    found = np.full(len(row), np.nan, dtype=np.float32)
    known = np.flatnonzero((row >= 0) & (column >= 0))
    for start in range(0, len(known), _CHUNK):
        part = known[start : start + _CHUNK]
        found[part] = np.einsum("nd,nd->n", embeddings.images[row[part]], embeddings.texts[column[part]])
    return found


def similarities(items: pl.DataFrame, embeddings: Embeddings) -> pl.DataFrame:
    """item_id and similarity (images x captions) of each item all of whose images are encoded."""
    lots = (items.slice(start, _LOT) for start in range(0, max(items.height, 1), _LOT))
    is_nan = pl.element().list.eval(pl.element().is_nan()).list.any()
    known = ~pl.col("similarity").list.eval(is_nan).list.any()
    return pl.concat([nested(lot, cosines(pairs(lot), embeddings)).filter(known) for lot in lots])


def nested(items: pl.DataFrame, flat: np.ndarray) -> pl.DataFrame:
    """item_id and similarity of each item, from the flat similarities (items, images, captions)."""
    images, captions = items["images"].list.len().to_numpy(), items["captions"].list.len().to_numpy()
    rows = np.repeat(np.arange(items.height), images)
    item = np.repeat(rows, captions[rows])
    image = np.repeat(np.arange(len(rows)), captions[rows])
    lines = pl.DataFrame({"item": item, "image": image, "similarity": pl.Series(flat, dtype=pl.Float32)})
    lines = lines.group_by("item", "image", maintain_order=True).agg("similarity")
    matrices = lines.group_by("item", maintain_order=True).agg("similarity")["similarity"]
    return items.select("item_id").with_columns(similarity=matrices.cast(NESTED))


def text_only(items: pl.DataFrame, scores: Mapping[str, float]) -> pl.DataFrame:
    """As `similarities`, for a text-only scorer: each image of an item has the scores of its captions."""
    flat = [
        scores[text] for ids, texts in items.select("images", "captions").iter_rows() for _ in ids for text in texts
    ]
    return nested(items, np.asarray(flat, dtype=np.float32))


def outcomes(benchmark: ItemBenchmark, similarity: pl.DataFrame) -> pl.DataFrame:
    """Outcomes of every endpoint for the similarities (item_id, similarity) of (some of) the items.

    Items without a decision (one image, one caption) have none.
    """
    rule = benchmark.measurement
    items = benchmark.items.select(
        "item_id",
        # few names, repeated for every item: categories take a quarter of the memory of strings
        pl.col("benchmark", "subset", "concept", "operator", "condition", "stratum").cast(pl.Categorical),
        shape=_shape(pl.col("truth")).cast(pl.Categorical),
        cluster=pl.Series(clusters(benchmark.items["images"])),
        **{name: pl.col(name).cast(pl.Categorical) for name in _groups(benchmark)},
    )
    if similarity.height < items.height:
        items = items.join(similarity, on="item_id", how="semi")
    if not items["item_id"].equals(similarity["item_id"]):  # a join would take several times the memory of a sort
        items, similarity = items.sort("item_id"), similarity.sort("item_id")
    scored = items.with_columns(similarity["similarity"])
    groups = _groups(benchmark)
    shaped = [_of_one_shape(group, rule, groups) for _, group in scored.group_by("shape", maintain_order=True)]
    parts = [part for part in shaped if part is not None]
    if not parts:
        return pl.DataFrame(schema=OUTCOMES)
    frame = pl.concat(parts)
    frame = _pooled(frame, rule, groups) if rule.single_decisions else _averaged(frame, rule, benchmark.card.averages)
    return frame.select(OUTCOMES.names()).cast(OUTCOMES)


def expected(benchmark: ItemBenchmark) -> pl.DataFrame:
    """Outcomes as if every item had been scored, which give the number of items of each endpoint."""
    return outcomes(benchmark, benchmark.items.select("item_id", similarity=pl.col("truth").cast(NESTED)))


def _shape(truth: pl.Expr) -> pl.Expr:
    """A truth matrix as text: 1s and 0s, a slash between images."""
    row = pl.element().list.eval(pl.element().cast(pl.Int8).cast(pl.String)).list.join("")
    return truth.list.eval(row).list.join("/")


def _groups(benchmark: ItemBenchmark) -> list[str]:
    """The columns by whose values items are also counted apart."""
    return [name for name in benchmark.measurement.groups if name in benchmark.items.columns]


def _of_one_shape(group: pl.DataFrame, rule: Measurement, groups: Sequence[str]) -> pl.DataFrame | None:
    """Outcomes of items with the same truth matrix, with unit weights; None if it has no decision."""
    truth: Truth = tuple(tuple(each == "1" for each in row) for row in group["shape"][0].split("/"))
    flat = group["similarity"].explode().explode().to_numpy().astype(np.float64)
    values = flat.reshape(group.height, len(truth), len(truth[0]))
    decisions = {"text": caption_decisions(truth), "image": image_decisions(truth)}
    decisions["group"] = decisions["text"] + decisions["image"]
    if not decisions["text"] and not decisions["image"]:
        return None
    chance = chances(truth)
    named = ("item_id", "benchmark", "subset", "concept", "operator", "condition", "stratum", "cluster")
    shared = group.select(*named, *groups)

    def rows(metric: str, value: np.ndarray, weight: int, ties: np.ndarray, chance: float) -> pl.DataFrame:
        return shared.with_columns(
            task=_name(None),
            metric=_name(metric),
            value=pl.Series(value.astype(np.float64)),
            weight=pl.lit(float(weight)),
            ties=pl.Series(ties.astype(np.int64)),
            chance=pl.lit(chance),
        )

    def whole(metric: str, side: str) -> pl.DataFrame:
        won, tied = compare(values, decisions[side], rule.margin)
        right = np.all(won | tied if rule.ties == "right" else won, axis=1)
        return rows(metric, right, 1, np.any(tied, axis=1), chance[side])

    won, tied = compare(values, decisions["group"], rule.margin)
    single = rows(ACCURACY, won.sum(1) + 0.5 * tied.sum(1), len(decisions["group"]), tied.sum(1), 0.5)
    found = [single] if rule.single_decisions else [whole(SCORE, rule.primary)]
    if decisions["image"]:
        sides = ("text", "image", "group") if decisions["text"] else ("image",)
        found += [whole(side, side) for side in sides if rule.single_decisions or side != rule.primary]
        if len(truth) == len(truth[0]) == 2 and not rule.single_decisions:
            signed = values * np.where(np.asarray(truth), 1, -1)
            none = np.zeros(group.height)
            found.append(rows("interaction", signed.sum(axis=(1, 2)) > 0, 1, none, 0.5))
    elif rule.single_decisions and len(truth[0]) > 2:
        found.append(whole("strict", "text"))
    return pl.concat(found)


def compare(values: np.ndarray, decisions: Sequence[Decision], margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Won by more than the margin, and tied within it: (items, decisions) bool each.

    `values` are similarities (items, images, captions).
    """
    right = np.stack([values[:, i, j] for (i, j), _ in decisions], axis=1)
    wrong = np.stack([values[:, i, j] for _, (i, j) in decisions], axis=1)
    gap = right - wrong
    return gap > margin, np.abs(gap) <= margin


@cache
def chances(truth: Truth) -> dict[str, float]:
    """Probability that an item is correct when all orders of its similarities are equally likely, by side.

    group of a 2x2 item: of the 24 orders of four similarities, four put both true pairs above both false ones.
    """
    columns = [list(column) for column in zip(*truth, strict=True)]
    text, image = (prod(_all_above(list(row)) for row in side) for side in (truth, columns))
    square = truth in (((True, False), (False, True)), ((False, True), (True, False)))
    return {"text": text, "image": image, "group": 1 / 6 if square else text * image}


def _all_above(row: list[bool]) -> float:
    """Probability that all true entries of a row are above all false ones."""
    true = sum(row)
    return factorial(true) * factorial(len(row) - true) / factorial(len(row))


def _pooled(frame: pl.DataFrame, rule: Measurement, groups: Sequence[str]) -> pl.DataFrame:
    """Outcomes per concept, followed by those of pooled subsets and pooled concepts, and of groups of the pools."""
    single = frame.filter(pl.col("metric") == ACCURACY)
    found = [
        frame,
        *(
            single.filter(pl.col("subset").is_in(list(subsets))).with_columns(subset=_name(name))
            for name, subsets in rule.pooled_subsets.items()
        ),
    ]
    every = pl.concat(found)
    apart = every.filter(pl.col("subset").is_in(list(rule.pooled_subsets)) | pl.lit(not rule.pooled_subsets))
    return pl.concat(
        [
            every,
            *(_of_groups(apart.filter(pl.col("metric") == ACCURACY), column) for column in groups),
            *(
                every.filter(pl.col("operator") == operator, pl.col("concept").is_in(concepts)).with_columns(
                    concept=_name(name)
                )
                for name, (operator, concepts) in rule.pooled_concepts.items()
            ),
        ]
    )


def _of_groups(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The outcomes of items that have a value in the column, with the group as condition."""
    pairs = frame.filter(pl.col(column).is_not_null()).select(pl.col("condition", column).cast(pl.String))
    names = pl.Series([grouped(condition, column, value) for condition, value in pairs.iter_rows()], dtype=pl.String)
    return frame.filter(pl.col(column).is_not_null()).with_columns(condition=names.cast(pl.Categorical))


def _averaged(frame: pl.DataFrame, rule: Measurement, averages: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """Outcomes per subset, weighted by strata, followed by those of the averages over subsets.

    concept and operator of a subset are those that all its items share.
    """
    within = 1 / pl.len().over("metric", "subset", "stratum") if rule.macro else pl.lit(1.0)
    frame = frame.with_columns(weight=within).with_columns(
        pl.col("weight") / pl.col("weight").sum().over("metric", "subset"),
        *(
            pl.when(pl.col(name).n_unique().over("subset") == 1).then(pl.col(name)).otherwise(None).alias(name)
            for name in ("concept", "operator", "condition")
        ),
    )
    frame = frame.with_columns(value=pl.col("value") * pl.col("weight"))
    means = [
        frame.filter(pl.col("subset").is_in(subsets)).with_columns(
            subset=_name(name), concept=_name(None), operator=_name(None)
        )
        for name, subsets in subsets_of(frame["subset"].unique().to_list(), averages).items()
        if subsets != [name]
    ]
    return pl.concat([frame, *means])


def _name(name: str | None) -> pl.Expr:
    return pl.lit(name, pl.Categorical)


def subsets_of(subsets: Sequence[str], averages: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The subsets whose mean each reported subset is: every subset itself, the card's averages, and `mean` of all."""
    found = {subset: [subset] for subset in sorted(subsets)}
    found |= {
        name: [subset for subset in sorted(subsets) if any(fnmatchcase(subset, pattern) for pattern in patterns)]
        for name, patterns in averages.items()
    }
    if len(subsets) > 1:
        found[MEAN] = sorted(subsets)
    return {name: of for name, of in found.items() if of}


def equal_items(items: pl.DataFrame, embeddings: Embeddings) -> list[str]:
    """Ids of items in which a true and a false caption of an image have the same tokens.

    They share an embedding and tie, whatever the image.
    """
    texts = items.select("captions").with_row_index("item").explode("captions")
    row = texts["captions"].replace_strict(embeddings.text_rows, default=-1, return_dtype=pl.Int64).to_numpy()
    known = row >= 0
    named = np.sort(texts["item"].to_numpy()[known].astype(np.int64) * (len(embeddings.texts) + 1) + row[known])
    twice = np.unique(named[1:][named[1:] == named[:-1]] // (len(embeddings.texts) + 1))
    rows = pairs(items[twice.tolist()])
    rows = rows.with_columns(row=pl.col("text").replace_strict(embeddings.text_rows, default=-1, return_dtype=pl.Int64))
    both = (
        rows.filter(pl.col("row") >= 0)
        .group_by("item", "image", "row")
        .agg(both=pl.col("truth").any() & ~pl.col("truth").all())
    )
    found = both.filter("both")["item"].unique().sort()
    return items["item_id"].gather(twice[found.to_numpy()]).to_list()
