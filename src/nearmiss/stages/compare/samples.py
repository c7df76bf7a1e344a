"""Sample items for the page: images, captions, and the predictions of every arm, sampled with a seed."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from nearmiss.stages.compare.marked import Marked, marked
from nearmiss.stages.compare.overview import in_order
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.shown_items import ShownBenchmark, ShownItems, image_uri, question

SIDE = 320
"""Longest side of an embedded image in pixels; smaller ones are not changed."""
EXAMPLES = 4
"""Sample items on the first screen."""
SIGNS = {1: "✓", 0: "=", -1: "✗"}


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
    marked: Marked
    """Captions 1 and 2 with the words in which they differ."""
    decisions: list[str]
    """The image or caption that each decision is about: A, B, 1, 2."""
    predictions: list[ArmPredictions]

    def who(self, sign: str) -> str:
        """The arms with this sign for image A: right if it is more similar to caption 1 than to caption 2."""
        arms = [each.arm for each in self.predictions if each.signs[0] == sign]
        return (
            ("both arms" if len(arms) == 2 else f"all {len(arms)} arms")
            if len(arms) == len(self.predictions) > 1
            else ", ".join(arms)
        )


@dataclass(frozen=True)
class Samples:
    """The sample items, and notes on items that cannot be shown."""

    items: list[Sample] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def examples(self) -> list[Sample]:
        """The first sample of each title, for the first screen."""
        by_title: dict[str, Sample] = {}
        for sample in self.items:
            by_title.setdefault(sample.title, sample)
        return list(by_title.values())[:EXAMPLES]


def samples(report: Report, shown: ShownItems) -> Samples:
    """Sample items, benchmark by benchmark."""
    found = Samples(notes=list(shown.notes))
    for each in shown.benchmarks:
        ids = pl.col("item_id").is_in(list(each.drawn))
        items = {row["item_id"]: row for row in each.benchmark.items.filter(ids).to_dicts()}
        made = [
            _sample(title, items[item_id], each, shown, report)
            for item_id, title in each.drawn.items()
            if item_id in items
        ]
        found.items.extend(sample for sample in made if sample is not None)
        if missing := len(each.drawn) - sum(sample is not None for sample in made):
            name = each.benchmark.name
            found.notes.append(f"{name}: {missing} sampled items are not shown, because their images are missing.")
    return found


def _sample(title: str, row: dict[str, Any], of: ShownBenchmark, shown: ShownItems, report: Report) -> Sample | None:
    """The sample of an item; None if an image does not exist or does not decode."""
    benchmark = of.benchmark
    images = [image_uri(path, row["crop"], benchmark, report, SIDE, exact=True) for path in row["images"]]
    if None in images:
        return None
    asked = question(row, benchmark)
    predictions = []
    for arm, similarity in shown.similarities.items():
        if row["item_id"] in similarity:
            signs = [(gap > 0) - (gap < 0) for gap in asked.gaps(similarity[row["item_id"]])]
            predictions.append(ArmPredictions(arm, [SIGNS[sign] for sign in signs], sum(sign == 1 for sign in signs)))
    captions = [row["captions"][place] for place in asked.order]
    name = title if benchmark.name == in_order(set(report.runs.splits))[0] else f"{benchmark.name}: {title}"
    return Sample(
        title=name,
        item_id=row["item_id"],
        images=[image for image in images if image],
        captions=captions,
        marked=marked(captions[0], captions[1]),
        decisions=asked.names,
        predictions=predictions,
    )
