"""COCO-Counterfactuals (Le et al., NeurIPS 2023): two generated images whose captions differ in one noun."""

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, json_lines

CARD = Card(
    name="coco_counterfactuals",
    paper="Le et al., COCO-Counterfactuals, NeurIPS 2023",
    license="see the data set's page on the hub",
    origin="the hub's data set Intel/COCO-Counterfactuals: examples.jsonl and the images",
    files=("coco_counterfactuals/examples.jsonl",),
    images=("coco_counterfactuals/images",),
    measurement=Measurement(primary="group"),
    notes="The authors rank whole galleries; here each pair is an item. Both images are generated.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of two images and two captions for each line."""
    for file in items.files():
        for index, value in json_lines(file):
            with items.record(value, file, f"line {index}") as record:
                images = [record.text(f"image_{side}").removesuffix(".jpg") for side in (0, 1)]
                items.add(
                    "all",
                    record.identifier("id"),
                    [f"coco_counterfactuals/images/{image}.jpg" for image in images],
                    [record.text(f"caption_{side}") for side in (0, 1)],
                    [[True, False], [False, True]],
                    concept="object",
                    operator="replace",
                )


BENCHMARK = ItemReader(CARD, add_items)
