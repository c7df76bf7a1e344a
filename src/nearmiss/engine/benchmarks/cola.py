"""COLA (Ray et al., NeurIPS 2023), multi-object part: two images and two captions that exchange attributes."""

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, rows

CARD = Card(
    name="cola",
    paper="Ray et al., Cola, NeurIPS 2023",
    license="MIT (images of Visual Genome: CC BY 4.0)",
    origin="the authors' repository arijitray1993/COLA; images: Visual Genome",
    files=("cola/COLA_multiobjects_matching_benchmark.json",),
    images=("vg/images",),
    measurement=Measurement(primary="group"),
    released=Measurement(primary="image"),
    notes="As published, an item is right where each caption finds its image; the text score stands beside it.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of two images and two captions for each record."""
    for file in items.files():
        for index, value in enumerate(rows(file)):
            with items.record(value, file, f"record {index}") as record:
                entries = record.as_texts(value, "a record", least=4)
                if len(entries) > 4:
                    raise record.wrong("a record has more than four texts")
                first, one, second, other = entries
                images = [f"vg/images/{url.rsplit('/', 1)[-1]}" for url in (first, second)]
                truth = [[True, False], [False, True]]
                items.add("multi_object", index, images, [one, other], truth, concept="attribute")


BENCHMARK = ItemReader(CARD, add_items)
