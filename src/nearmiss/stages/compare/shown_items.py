"""Items whose images and captions the page can show: one image and two captions, or two of each.

They are sampled from the outcomes of the first run, then read from the files of their benchmarks, so that a benchmark
without sampled items is not read.
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
"""Number of sample items per benchmark on the page."""

Similarities = dict[str, dict[str, list[list[float]]]]
"""Similarities of images and captions by arm and item."""


@dataclass(frozen=True)
class ShownBenchmark:
    """A benchmark of which items are shown."""

    benchmark: ItemBenchmark
    drawn: dict[str, str]
    """Ids of the sample items, and the title of each."""


@dataclass(frozen=True)
class ShownItems:
    """The benchmarks, the similarities of the first seed's runs, and notes on benchmarks that cannot be shown."""

    benchmarks: list[ShownBenchmark] = field(default_factory=list)
    similarities: Similarities = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def shown_items(report: Report) -> ShownItems:
    """Benchmarks with items that can be shown, of the first seed's runs; none without the files of the benchmarks."""
    found = ShownItems()
    if report.root.root is None and not report.root.moved:
        return found
    runs = [one for one in report.runs.evaluations if one.seed == report.runs.seeds[0]]
    for one in runs:
        found.similarities[one.arm] = dict(one.scores.select("item_id", "similarity").iter_rows())
    for name in in_order({name for one in runs for name in one.benchmarks}):
        first = next(one for one in runs if name in one.benchmarks)
        drawn = _drawn(name, first, found.similarities[first.arm].keys(), report.runs.splits.get(name))
        if not drawn:
            continue
        loaded = _loaded(name, first, report)
        if isinstance(loaded, str):
            found.notes.append(loaded)
        else:
            found.benchmarks.append(ShownBenchmark(loaded, drawn))
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


@dataclass(frozen=True)
class Question:
    """The decisions of an item. Image A belongs to caption 1, image B, if there is one, to caption 2."""

    order: list[int]
    """Indices of captions 1 and 2."""
    decisions: list[Decision]
    names: list[str]
    """The image or caption that each decision is about: A, B, 1, 2."""
    margin: float
    """Difference of similarities up to which a decision is a tie."""

    def gaps(self, similarity: Sequence[Sequence[float]]) -> list[float]:
        """The similarity of each decision's true pair minus that of its false one; 0 for a tie."""
        gaps = [similarity[i][j] - similarity[k][m] for (i, j), (k, m) in self.decisions]
        return [0.0 if abs(gap) <= self.margin else gap for gap in gaps]


def question(row: dict[str, Any], benchmark: ItemBenchmark) -> Question:
    """The question of a row of table `items` with one or two images and two captions."""
    truth = tuple(tuple(line) for line in row["truth"])
    order = [0, 1] if truth[0][0] else [1, 0]
    texts = sorted(caption_decisions(truth), key=lambda decision: decision[0][0])
    by_caption = sorted(image_decisions(truth), key=lambda decision: order.index(decision[0][1]))
    names = ["AB"[decision[0][0]] for decision in texts]
    names += [str(1 + order.index(decision[0][1])) for decision in by_caption]
    return Question(order, [*texts, *by_caption], names, benchmark.measurement.margin)


def image_uri(
    path: str, crop: Sequence[float] | None, benchmark: ItemBenchmark, report: Report, side: int, *, exact: bool
) -> str | None:
    """An image of an item as a data URI, cropped; None if it does not exist or does not decode.

    `exact`: an image that is not larger than `side` stays as it is, otherwise it becomes a JPEG.
    """
    box = None if crop is None else tuple(crop)
    try:
        if path in benchmark.embedded:
            return thumbnail(cut(benchmark.embedded[path].open(), box), side)
        file = report.root.path(path)
        if exact and box is None:
            return file_uri(file, side)
        return thumbnail(cut(open_image_bytes(read_content(file)), box), side)
    except (InputError, OSError, ValueError):
        return None


def file_uri(file: Path, side: int) -> str:
    """An image file as a data URI, scaled down if it is large. Raises InputError if it is missing or not an image."""
    if size_of(file) is None:
        raise InputError("an image is missing", file=file, remedy="create the data again")
    found = for_browser(read_content(file))
    if found is None:
        raise InputError("an image does not decode", file=file, remedy="create the data again")
    content, media = found
    image = open_image_bytes(content)
    return data_uri(content, media) if max(image.size) <= side else thumbnail(image, side)
