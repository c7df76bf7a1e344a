"""VisMin (Awal et al., NeurIPS 2024): two images that differ in one object, attribute, count or relation."""

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader
from nearmiss.engine.benchmarks.parquet_records import embedded_image, parquet_records

_TEXTS = ("text_0", "text_1", "category")
_IMAGES = ("image_0", "image_1")
CONCEPTS = {
    "object": ("object", "replace"),
    "attribute": ("attribute", "replace"),
    "counting": ("count", "recount"),
    "relation": ("relation", "reverse"),
}
"""The file's category: the (concept, operator) that it represents."""

CARD = Card(
    name="vismin",
    paper="Awal et al., VisMin, NeurIPS 2024",
    license="see the data set's page on the hub; images of COCO under their own",
    origin="the hub's data set mair-lab/vismin-bench, Parquet with embedded images",
    files=("vismin/**/*.parquet",),
    measurement=Measurement(primary="group"),
    notes="Per category, as published.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of two images and two captions for each row."""
    for file in items.files():
        for number, row in parquet_records(file, _TEXTS, _IMAGES):
            with items.record(row, file, f"row {number}") as record:
                category = record.text("category")
                concept, operator = CONCEPTS.get(category, (None, None))
                name = f"{file.stem}-{number:06d}"
                images = {f"vismin/{name}-{column}": embedded_image(record, column) for column in _IMAGES}
                captions, truth = [record.text("text_0"), record.text("text_1")], [[True, False], [False, True]]
                items.add(category, name, list(images), captions, truth, concept=concept, operator=operator)
                items.embedded.update(images)


BENCHMARK = ItemReader(CARD, add_items)
