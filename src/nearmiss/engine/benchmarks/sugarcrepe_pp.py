"""SugarCrepe++ (Dumpala et al., 2024): two captions of the same meaning must score above another one."""

from nearmiss.engine.benchmarks.benchmark import Card
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, rows
from nearmiss.engine.formats.sugarcrepe import CONCEPTS

PARTS = ("replace_attribute", "replace_obj", "replace_rel", "swap_atribute", "swap_obj")
_KEYS = ("caption", "caption2", "negative_caption")

CARD = Card(
    name="sugarcrepe_pp",
    paper="Dumpala et al., SugarCrepe++, 2024",
    license="CC BY 4.0",
    origin="the authors' repository Sri-Harsha/scpp, folder data; images: COCO val2017",
    files=("sugarcrepe_pp/data/*.json",),
    images=("coco/val2017",),
    notes="The published text-only score (paraphrases closer to each other than to the negative) is not computed.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of three captions for each record: two are true."""
    for file in items.files():
        operator, _, about = file.stem.partition("_")
        for index, value in enumerate(rows(file)):
            with items.record(value, file, f"record {index}") as record:
                items.add(
                    file.stem,
                    record.identifier("id") if record.has("id") else index,
                    [f"coco/val2017/{record.text('filename')}"],
                    [record.text(key) for key in _KEYS],
                    [[True, True, False]],
                    concept=CONCEPTS.get(about[:3].replace("atr", "att")),
                    operator=operator,
                )


BENCHMARK = ItemReader(CARD, add_items)
