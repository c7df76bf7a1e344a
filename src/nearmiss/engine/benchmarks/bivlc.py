"""BiVLC (Miranda et al., NeurIPS 2024): SugarCrepe's pairs of captions, each with an image."""

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader
from nearmiss.engine.benchmarks.parquet_records import embedded_image, parquet_records
from nearmiss.engine.formats.sugarcrepe import CONCEPTS, OPERATORS

_TEXTS = ("caption", "negative_caption", "type", "subtype")
_IMAGES = ("image", "negative_image")

CARD = Card(
    name="bivlc",
    paper="Miranda et al., BiVLC, NeurIPS 2024",
    license="MIT (images of COCO under their own)",
    origin="the hub's data set imirandam/BiVLC, Parquet with embedded images",
    files=("bivlc/**/*.parquet",),
    measurement=Measurement(primary="group"),
    averages={operator: (f"{operator}_*",) for operator in OPERATORS},
    notes="text is the authors' I2T, image their T2I. Their totals count items alike, the means here parts. Negative "
    "images are generated, which a model may see.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of two images and two captions for each row."""
    for file in items.files():
        for number, row in parquet_records(file, _TEXTS, _IMAGES):
            with items.record(row, file, f"row {number}") as record:
                operator, about = record.text("type"), record.text("subtype")
                name = f"{file.stem}-{number:06d}"
                images = {f"bivlc/{name}-{column}": embedded_image(record, column) for column in _IMAGES}
                items.add(
                    f"{operator}_{about}",
                    name,
                    list(images),
                    [record.text("caption"), record.text("negative_caption")],
                    [[True, False], [False, True]],
                    concept=CONCEPTS.get(about),
                    operator=operator,
                )
                items.embedded.update(images)


BENCHMARK = ItemReader(CARD, add_items)
