"""VSR (Liu, Emerson, Collier, TACL 2023): statements on the spatial relation of two objects, true or false."""

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, json_lines

_SHOWN = 1000  # labels below this are in a message

CARD = Card(
    name="vsr",
    paper="Liu, Emerson, Collier, Visual Spatial Reasoning, TACL 2023",
    license="Apache 2.0 (images of COCO: CC BY 4.0)",
    origin="the authors' repository cambridgeltl/visual-spatial-reasoning, or the hub's vsr_random and vsr_zeroshot",
    files=("vsr/random/test.jsonl", "vsr/zeroshot/test.jsonl"),
    images=("vsr/images",),
    measurement=Measurement(single_captions=True),
    notes="Statements are scored one at a time: AUROC, and accuracy at a threshold fitted on the other folds' images. "
    "The published accuracies are of models that were trained on its training split.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of one image and one caption for each line."""
    for file in items.files():
        for index, value in json_lines(file):
            with items.record(value, file, f"line {index}") as record:
                label = record.whole("label")
                if label not in (0, 1):
                    raise record.wrong(f"a label is {label if abs(label) < _SHOWN else 'large'}, not 0 or 1")
                image, caption = f"vsr/images/{record.text('image')}", record.text("caption")
                items.add(file.parent.name, index, [image], [caption], [[bool(label)]], concept="relation")


BENCHMARK = ItemReader(CARD, add_items)
