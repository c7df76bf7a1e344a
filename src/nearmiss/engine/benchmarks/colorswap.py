"""ColorSwap (Burapacheep et al., ACL Findings 2024): two captions of the same words whose colors are exchanged."""

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, rows

CARD = Card(
    name="colorswap",
    paper="Burapacheep et al., ColorSwap, ACL Findings 2024",
    license="MIT",
    origin="the archive that the authors' repository Top34051/colorswap links to: test.json and the folder images",
    files=("colorswap/test.json",),
    images=("colorswap/images",),
    measurement=Measurement(primary="group"),
    notes="The test split, 300 items. Strata are who wrote the captions.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of two images and two captions for each record."""
    for file in items.files():
        for index, value in enumerate(rows(file)):
            with items.record(value, file, f"record {index}") as record:
                items.add(
                    "all",
                    record.identifier("id"),
                    [f"colorswap/{record.text(f'image_{side}')}" for side in (1, 2)],
                    [record.text(f"caption_{side}") for side in (1, 2)],
                    [[True, False], [False, True]],
                    concept="color",
                    operator="swap",
                    stratum=record.text("caption_source") if record.has("caption_source") else "all",
                )


BENCHMARK = ItemReader(CARD, add_items)
