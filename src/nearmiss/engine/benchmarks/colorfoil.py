"""ColorFoil (Samin et al., NAACL Student Research Workshop 2025): a caption of COCO against one of other colors.

The authors publish the procedure, not the foils: they draw without a seed. Here colors are drawn by the caption, so the
numbers are comparable and the items differ.
"""

from PIL import ImageColor

from nearmiss.base.seeding import rng
from nearmiss.engine.benchmarks.benchmark import Card
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader
from nearmiss.engine.benchmarks.fields import Record, read_document

_FOILS = ("blue", "black", "red", "pink", "yellow", "grey", "orange", "white", "green", "brown")
_NAMES = frozenset(ImageColor.colormap) - {"rebeccapurple"}
"""The 147 color names of CSS 3."""
_GRAY = frozenset({7888, 130465, 209222, 431848})
"""Numbers of the images that the authors exclude because they have no colors."""
_SEED = 0

CARD = Card(
    name="colorfoil",
    paper="Samin et al., ColorFoil, NAACL Student Research Workshop 2025",
    license="captions of COCO: CC BY 4.0",
    origin="COCO's captions_val2017.json, by the procedure of the authors' repository samin9796/ColorFoil",
    files=("coco/annotations/captions_val2017.json",),
    images=("coco/val2017",),
    notes="2,507 items: the first caption of an image that names a color. Foils are ours, seeded by the caption: only "
    "whole words are replaced, and gray never by grey. As published, all CSS names count (snow, tomato).",
)


def add_items(items: ItemBuilder) -> None:
    """One item of two captions for each image with a colored caption; the true caption is first."""
    for file in items.files():
        document = Record(read_document(file), file, "the document")
        first: dict[int, tuple[int, str]] = {}
        for index, value in enumerate(document.entries("annotations")):
            with items.record(value, file, f"annotation {index}") as record:
                image, caption = record.whole("image_id"), record.text("caption")
                if image not in first and not _NAMES.isdisjoint(caption.split(" ")):
                    first[image] = (index, caption)
        for image, (index, caption) in first.items():
            if image in _GRAY:
                items.exclude("an image without colors")
                continue
            with items.record(caption, file, f"annotation {index}"):
                path = f"coco/val2017/{image:012d}.jpg"
                pair = [caption, foiled(caption)]
                items.add("all", image, [path], pair, [[True, False]], concept="color", operator="replace")


def foiled(caption: str) -> str:
    """The caption with each of its colors replaced by another one, the same at every place."""
    drawn, words, foils = rng(_SEED, "colorfoil", caption), caption.split(" "), {}
    for color in dict.fromkeys(word for word in words if word in _NAMES):
        place = drawn.randrange(len(_FOILS))
        foils[color] = _FOILS[place - 1] if _FOILS[place] == color.replace("gray", "grey") else _FOILS[place]
    return " ".join(foils.get(word, word) for word in words)


BENCHMARK = ItemReader(CARD, add_items)
