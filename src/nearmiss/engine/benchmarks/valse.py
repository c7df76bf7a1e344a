"""VALSE (Parcalabescu et al., ACL 2022): a caption against its negative in eleven pieces; what annotators agreed on."""

from nearmiss.engine.benchmarks.benchmark import Card
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, keyed
from nearmiss.engine.formats.valse import AGREED, KINDS

# Where the authors keep the images of each piece, by the beginning of its file's name; a file name may say otherwise.
_ROOTS = {
    "existence": "visual7w/images",
    "counting": "visual7w/images",
    "plurals": "coco/val2017",
    "relations": "coco/val2017",
    "action-replacement": "swig/images_512",
    "actant-swap": "swig/images_512",
    "coreference-standard": "visdial/images",
    "coreference-hard": "visdial/val2018",
    "foil-it": "coco/val2014",
}
_NAMED = {"COCO_val2014": "coco/val2014", "COCO_train2014": "coco/train2014", "VisualDialog_val2018": "visdial/val2018"}

CARD = Card(
    name="valse",
    paper="Parcalabescu et al., VALSE, ACL 2022",
    license="MIT",
    origin="the authors' repository Heidelberg-NLP/VALSE, folder data; images of COCO, Visual7W, SWiG, VisDial",
    files=("valse/data/*.json",),
    images=tuple(sorted({*_ROOTS.values(), *_NAMED.values()})),
    notes="Pairwise accuracy (acc_r) on items of which at least two of three annotators chose the caption.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of two captions for each valid record."""
    for file in items.files():
        concept, operator = next((kind for start, kind in KINDS.items() if file.stem.startswith(start)), (None, None))
        root = next((root for start, root in _ROOTS.items() if file.stem.startswith(start)), "valse/images")
        for number, value in keyed(file).items():
            with items.record(value, file, f"id {number}") as record:
                if record.inner("mturk").whole("caption") < AGREED:
                    items.exclude("fewer than two annotators chose the caption")
                    continue
                image = record.text("image_file")
                folder = next((directory for start, directory in _NAMED.items() if image.startswith(start)), root)
                captions = [record.text(key) for key in ("caption", "foil")]
                truth = [[True, False]]
                items.add(file.stem, number, [f"{folder}/{image}"], captions, truth, concept=concept, operator=operator)


BENCHMARK = ItemReader(CARD, add_items)
