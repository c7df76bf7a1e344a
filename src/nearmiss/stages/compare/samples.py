"""Sample items for the page: images, captions, and the predictions of every arm, sampled with a seed.

Items of one image and two captions, or two of each, can be shown. They are sampled from the outcomes of the first run,
then read from the files of their benchmarks, so that a benchmark without sampled items is not read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.seeding import rng
from nearmiss.engine.benchmarks.benchmark import ItemBenchmark, Options
from nearmiss.engine.benchmarks.registry import reader
from nearmiss.engine.images.browser import data_uri, for_browser, thumbnail
from nearmiss.engine.images.decode import cut, open_image_bytes
from nearmiss.engine.images.members import read_content, size_of
from nearmiss.engine.scoring.decisions import Decision, caption_decisions, image_decisions
from nearmiss.stages.compare.overview import card, in_order
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.runs import Evaluation

PER_BENCHMARK = 8
"""Number of items per benchmark on the page."""
SIDE = 320
"""Longest side of an embedded image in pixels; smaller ones are not changed."""
SIGNS = {1: "✓", 0: "=", -1: "✗"}
_LETTERS = "AB"


@dataclass(frozen=True)
class ArmPredictions:
    """Predictions of one arm for one item: a sign for each decision, and the number of correct ones."""

    arm: str
    signs: list[str]
    right: int


@dataclass(frozen=True)
class Sample:
    """One item. Image A belongs to caption 1, image B, if there is one, to caption 2."""

    title: str
    item_id: str
    images: list[str]
    """Data URIs."""
    captions: list[str]
    decisions: list[str]
    """The image or caption that each decision is about: A, B, 1, 2."""
    predictions: list[ArmPredictions]


@dataclass(frozen=True)
class Samples:
    """The sample items, and notes on items that cannot be shown."""

    items: list[Sample] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def samples(report: Report) -> Samples:
    """Sample items of the first seed's runs, benchmark by benchmark; none without the files of the benchmarks."""
    found = Samples()
    if report.root.root is None and not report.root.moved:
        return found
    runs = [one for one in report.runs.evaluations if one.seed == report.runs.seeds[0]]
    scores = {one.arm: dict(one.scores.select("item_id", "similarity").iter_rows()) for one in runs}
    for benchmark in in_order({name for one in runs for name in one.benchmarks}):
        first = next(one for one in runs if benchmark in one.benchmarks)
        drawn = _drawn(benchmark, first, scores[first.arm].keys(), report.runs.splits.get(benchmark))
        if not drawn:
            continue
        loaded = _loaded(benchmark, first, report)
        if isinstance(loaded, str):
            found.notes.append(loaded)
            continue
        items = {row["item_id"]: row for row in loaded.items.filter(pl.col("item_id").is_in(list(drawn))).to_dicts()}
        shown = [
            _sample(title, items[item_id], loaded, scores, report)
            for item_id, title in drawn.items()
            if item_id in items
        ]
        found.items.extend(sample for sample in shown if sample is not None)
        if missing := len(drawn) - sum(sample is not None for sample in shown):
            found.notes.append(f"{benchmark}: {missing} sampled items are not shown, because their images are missing.")
    return found


def _drawn(benchmark: str, run: Evaluation, scored: Any, split: str | None) -> dict[str, str]:
    """Ids and titles of sampled items: one of each group in turn, until there are enough.

    Groups are the headlines of the benchmark, or its concepts, or its subsets.
    """
    shapes = run.scores.select(
        "item_id", n=pl.col("similarity").list.len(), m=pl.col("similarity").list.first().list.len()
    )
    outcomes = run.outcomes.filter(pl.col("benchmark") == benchmark).join(shapes, on="item_id", how="inner")
    outcomes = outcomes.filter(pl.col("m") == 2, pl.col("n") <= 2, pl.col("item_id").is_in(list(scored)))
    if not outcomes.is_empty():
        outcomes = outcomes.filter(pl.col("n") == outcomes["n"].to_numpy().max())
    drawn = {}
    for title, ids in _groups(benchmark, outcomes).items():
        rng(0, "samples", split or "", benchmark, title).shuffle(ids)
        drawn[title] = ids
    turns = [(turn, title) for turn in range(PER_BENCHMARK) for title in drawn if turn < len(drawn[title])]
    chosen: dict[str, str] = {}
    for turn, title in turns:
        if len(chosen) < PER_BENCHMARK:
            chosen.setdefault(drawn[title][turn], title)
    return dict(sorted(chosen.items(), key=lambda pair: list(drawn).index(pair[1])))


def _groups(benchmark: str, outcomes: pl.DataFrame) -> dict[str, list[str]]:
    known = card(benchmark)
    groups: dict[str, pl.DataFrame] = {}
    if known is not None and known.headline:
        for each in known.headline:
            groups[each.title] = outcomes.filter(*[pl.col(name) == value for name, value in each.where.items()])
    else:
        single = known is not None and known.measurement.single_decisions
        averages = set() if known is None else {"mean", *known.averages}
        by = "concept" if single else "subset"
        for (name,), group in outcomes.group_by(by, maintain_order=True):
            if name not in averages:
                groups[str(name)] = group
    return {f"{title}": sorted(set(rows["item_id"])) for title, rows in groups.items() if not rows.is_empty()}


def _loaded(benchmark: str, run: Evaluation, report: Report) -> ItemBenchmark | str:
    """The benchmark, or the reason why its items cannot be shown."""
    options = Options(
        split=report.runs.splits.get(benchmark) or "test", released=bool(run.measurement.get("released", False))
    )
    try:
        found = reader(benchmark)
        if not found.exists(report.root, options):
            return f"{benchmark}: its files are missing, so no items are shown."
        loaded = found.load(report.root, options)
    except InputError as error:
        return f"{benchmark}: no items are shown: {error}"
    return loaded if isinstance(loaded, ItemBenchmark) else f"{benchmark} has no items."


def _sample(
    title: str,
    row: dict[str, Any],
    benchmark: ItemBenchmark,
    scores: dict[str, dict[str, list[list[float]]]],
    report: Report,
) -> Sample | None:
    """The sample of an item; None if an image does not exist or does not decode."""
    images = [_image(path, row["crop"], benchmark, report) for path in row["images"]]
    if None in images:
        return None
    truth = tuple(tuple(line) for line in row["truth"])
    order = [0, 1] if truth[0][0] else [1, 0]  # so that image A belongs to caption 1
    texts = sorted(caption_decisions(truth), key=lambda decision: decision[0][0])
    by_caption = sorted(image_decisions(truth), key=lambda decision: order.index(decision[0][1]))
    decisions_of_item = [*texts, *by_caption]
    names = [_LETTERS[decision[0][0]] for decision in texts]
    names += [str(1 + order.index(decision[0][1])) for decision in by_caption]
    margin = benchmark.measurement.margin
    predictions = []
    for arm, similarity in scores.items():
        if row["item_id"] in similarity:
            signs = [_sign(similarity[row["item_id"]], decision, margin) for decision in decisions_of_item]
            predictions.append(ArmPredictions(arm, [SIGNS[sign] for sign in signs], sum(sign == 1 for sign in signs)))
    captions = [row["captions"][place] for place in order]
    name = title if benchmark.name == in_order(set(report.runs.splits))[0] else f"{benchmark.name}: {title}"
    return Sample(name, row["item_id"], [image for image in images if image], captions, names, predictions)


def _sign(similarity: Sequence[Sequence[float]], decision: Decision, margin: float) -> int:
    (i, j), (k, m) = decision
    gap = similarity[i][j] - similarity[k][m]
    return 0 if abs(gap) <= margin else (1 if gap > 0 else -1)


def _image(path: str, crop: Sequence[float] | None, benchmark: ItemBenchmark, report: Report) -> str | None:
    """An image of an item as a data URI, cropped; None if it does not exist or does not decode."""
    box = None if crop is None else tuple(crop)
    try:
        if path in benchmark.embedded:
            return thumbnail(cut(benchmark.embedded[path].open(), box), SIDE)
        file = report.root.path(path)
        return file_uri(file) if box is None else thumbnail(cut(open_image_bytes(read_content(file)), box), SIDE)
    except (InputError, OSError, ValueError):
        return None


def file_uri(file: Path) -> str:
    """An image file as a data URI, scaled down if it is large. Raises InputError if it is missing or not an image."""
    if size_of(file) is None:
        raise InputError("an image is missing", file=file, remedy="create the data again")
    found = for_browser(read_content(file))
    if found is None:
        raise InputError("an image does not decode", file=file, remedy="create the data again")
    content, media = found
    image = open_image_bytes(content)
    return data_uri(content, media) if max(image.size) <= SIDE else thumbnail(image, SIDE)
