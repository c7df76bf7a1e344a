"""The gallery: thousands of items with the margins of every arm, as JSON that the page's script reads.

Items are sampled with a seed, one of each benchmark, concept and condition in turn. The first ones have images.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import polars as pl

from nearmiss.base.seeding import rng
from nearmiss.stages.compare.marked import Part, marked
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.shown_items import ShownBenchmark, ShownItems, image_uri, question

ITEMS = 5000
"""Items in the gallery."""
IMAGES = 300
"""Embedded images; items after them have text only."""
SIDE = 112
"""Longest side of an embedded image in pixels."""
IMAGE_BYTES, BYTES = 1_800_000, 3_000_000
"""Characters of all images, and of everything else: the page stays below 6 MB."""
_UNIT = 1e4  # margins are whole numbers of this part


@dataclass(frozen=True)
class Gallery:
    """The JSON text, the number of items in it, of items with images, and of all items that could be shown."""

    text: str
    items: int
    with_images: int
    every: int


def gallery(report: Report, shown: ShownItems) -> Gallery | None:
    """The gallery of the benchmarks whose items are shown; None without items."""
    rows = [(each, row) for each in shown.benchmarks for row in _rows(each)]
    arms = list(shown.similarities)
    kept: list[dict[str, Any]] = []
    images: dict[tuple[str, str, str], str | None] = {}
    sizes = [0, 0]
    for each, row in _in_turn(report, rows)[:ITEMS]:
        item = _item(each, row, shown, arms)
        sizes[1] += len(json.dumps(item))
        if sizes[1] > BYTES:
            break
        keys = [(each.benchmark.name, path, str(row["crop"])) for path in row["images"]]
        if len(images) < IMAGES and sizes[0] < IMAGE_BYTES:
            for key in keys:
                if key not in images:
                    images[key] = image_uri(key[1], row["crop"], each.benchmark, report, SIDE, exact=False)
                    sizes[0] += len(images[key] or "")
        if all(images.get(key) for key in keys):
            item["i"] = keys
        kept.append(item)
    if not kept:
        return None
    place: dict[str | None, int] = {}  # of each image
    for item in kept:
        item["i"] = [place.setdefault(images[key], len(place)) for key in item.get("i", ())]
    content = {"arms": arms, "unit": 1 / _UNIT, "images": list(place), "items": kept}
    # a caption cannot end the element that holds it
    text = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")
    return Gallery(text, len(kept), sum(bool(item["i"]) for item in kept), len(rows))


def _rows(each: ShownBenchmark) -> Iterable[dict[str, Any]]:
    """The rows of table `items` with one or two images and two captions."""
    n, m = pl.col("images").list.len(), pl.col("captions").list.len()
    return each.benchmark.items.filter(m == 2, n.is_between(1, 2)).iter_rows(named=True)


def _in_turn(
    report: Report, rows: list[tuple[ShownBenchmark, dict[str, Any]]]
) -> list[tuple[ShownBenchmark, dict[str, Any]]]:
    """The rows in random order, one of each benchmark, concept and condition in turn."""

    def group(pair: tuple[ShownBenchmark, dict[str, Any]]) -> tuple[str, ...]:
        return (pair[0].benchmark.name, *(str(pair[1][name]) for name in ("concept", "condition", "subset")))

    ordered = []
    for key, members in groupby(sorted(rows, key=lambda pair: (group(pair), pair[1]["item_id"])), key=group):
        mixed = list(members)
        rng(0, "gallery", report.runs.split or "", *key).shuffle(mixed)
        ordered += [(turn, key, pair) for turn, pair in enumerate(mixed)]
    return [pair for _, _, pair in sorted(ordered, key=lambda each: each[:2])]


def _item(each: ShownBenchmark, row: dict[str, Any], shown: ShownItems, arms: list[str]) -> dict[str, Any]:
    asked = question(row, each.benchmark)
    texts = marked(*(row["captions"][place] for place in asked.order))
    margins = [
        [_whole(gap) for gap in asked.gaps(shown.similarities[arm][row["item_id"]])]
        if row["item_id"] in shown.similarities[arm]
        else None
        for arm in arms
    ]
    return {
        "b": each.benchmark.name,
        "c": row["concept"] or row["subset"],
        "k": row["condition"] or "",
        "d": "".join(asked.names),
        "t": _alternating(texts.positive),
        "f": _alternating(texts.negative),
        "m": margins,
    }


def _whole(gap: float) -> int:
    """A margin in units, never 0 unless it is a tie."""
    return round(gap * _UNIT) or (gap > 0) - (gap < 0)


def _alternating(parts: list[Part]) -> list[str]:
    """Texts of the parts: unchanged, edited, unchanged, and so on."""
    texts = [""]
    for part in parts:
        if part.edited == (len(texts) % 2 == 0):
            texts[-1] += part.text
        else:
            texts.append(part.text)
    return texts
