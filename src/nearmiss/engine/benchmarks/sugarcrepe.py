"""SugarCrepe (Hsieh et al., NeurIPS 2023): a COCO caption against one that a language model wrote."""

from nearmiss.engine.benchmarks.benchmark import Card
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, keyed
from nearmiss.engine.formats.sugarcrepe import CONCEPTS, OPERATORS

PARTS = ("add_att", "add_obj", "replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj")

CARD = Card(
    name="sugarcrepe",
    paper="Hsieh et al., SugarCrepe, NeurIPS 2023",
    license="MIT (captions of COCO: CC BY 4.0)",
    origin="the authors' repository RAIVNLab/sugar-crepe, folder data; images: COCO val2017",
    files=tuple(f"sugarcrepe/data/{part}.json" for part in PARTS),
    images=("coco/val2017",),
    averages={operator: (f"{operator}_*",) for operator in OPERATORS},
    notes="Parts add_* are solved at about 98 % by taking the shorter caption.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of two captions for each record; the true caption is first."""
    for file in items.files():
        operator, about = file.stem.split("_")
        for number, value in keyed(file).items():
            with items.record(value, file, f"id {number}") as record:
                captions = [record.text(key) for key in ("caption", "negative_caption")]
                items.add(
                    file.stem,
                    number,
                    [f"coco/val2017/{record.text('filename')}"],
                    captions,
                    [[True, False]],
                    concept=CONCEPTS.get(about),
                    operator=operator,
                )


BENCHMARK = ItemReader(CARD, add_items)
