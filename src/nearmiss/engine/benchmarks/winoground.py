"""Winoground (Thrush et al., CVPR 2022): two images and two captions of the same words, each true of one image."""

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, json_lines

CARD = Card(
    name="winoground",
    paper="Thrush et al., Winoground, CVPR 2022",
    license="Meta Images Research License (gated)",
    origin="the hub's data set facebook/winoground: examples.jsonl and the images",
    files=("winoground/examples.jsonl",),
    images=("winoground/images",),
    measurement=Measurement(primary="group"),
    notes="400 items, many of which ask for more than composition: differences under five points are noise.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of two images and two captions for each line."""
    for file in items.files():
        for index, value in json_lines(file):
            with items.record(value, file, f"line {index}") as record:
                images = [record.text(f"image_{side}").removesuffix(".png") for side in (0, 1)]
                items.add(
                    "all",
                    record.identifier("id") if record.has("id") else index,
                    [f"winoground/images/{image}.png" for image in images],
                    [record.text(f"caption_{side}") for side in (0, 1)],
                    [[True, False], [False, True]],
                    stratum=record.text("collapsed_tag") if record.has("collapsed_tag") else "all",
                )


BENCHMARK = ItemReader(CARD, add_items)
