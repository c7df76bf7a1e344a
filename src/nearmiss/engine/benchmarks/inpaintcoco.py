"""InpaintCOCO (Rösch et al., ALVR 2024), or pairs in its schema that stage inpaint wrote: two images, two captions."""

import hashlib
from functools import partial

from nearmiss.engine.benchmarks.benchmark import Card, EmbeddedImage, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader
from nearmiss.engine.benchmarks.spec import MARGIN
from nearmiss.engine.formats import inpaintcoco
from nearmiss.engine.images.decode import open_image_bytes

# The card names concepts without their literal words: number and British spelling are taken as they come.
CONCEPTS = {
    "object": ("object", "replace"),
    "color": ("color", "replace"),
    "colour": ("color", "replace"),
    "size": ("size", "replace"),
    "location": ("location", "replace"),
    "count": ("count", "recount"),
}
"""The file's word for a concept, in lower case and without a plural s: the (concept, operator) that it represents."""
_SHOWN = 40  # characters of a concept that are in a message

CARD = Card(
    name="inpaintcoco",
    paper="Rösch et al., Enhancing Conceptual Understanding in Multimodal Contrastive Learning, ALVR 2024",
    license="CC BY 4.0 (captions); images under COCO's own",
    origin="the hub's data set phiyodr/InpaintCOCO, or what `nearmiss inpaint` makes",
    files=("inpaintcoco/**/*.parquet",),
    measurement=Measurement(single_decisions=True, margin=MARGIN, primary="group"),
    notes="accuracy: share of single decisions; text: both images prefer their own caption; image: both captions "
    "prefer their own image; group: both. Per concept.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of two images and two captions for each usable row; the others are set aside with their reason."""
    files = [file for file in items.files() if file.stem != "rejected"]  # stage inpaint writes it next to its pairs
    for file in files:
        unique = sum(file.stem == other.stem for other in files) == 1
        stem = file.stem if unique else items.root.name(file).removesuffix(".parquet")
        usable, rejected = inpaintcoco.read(file)
        for row_number, reason in rejected:
            with items.record(None, file, f"row {row_number}") as record:
                raise record.wrong(reason)
        for row in usable:
            with items.record(row, file, f"row {row.row}") as record:
                word = row.concept.lower().removesuffix("s")
                if word not in CONCEPTS:
                    raise record.wrong(f"unknown concept {row.concept[:_SHOWN]!r}")
                concept, operator = CONCEPTS[word]
                number = f"{stem}-{row.row:06d}"
                images = {
                    f"inpaintcoco/{number}-coco": row.coco_image,
                    f"inpaintcoco/{number}-inpaint": row.inpaint_image,
                }
                captions, truth = [row.coco_caption, row.inpaint_caption], [[True, False], [False, True]]
                items.add("2x2", number, list(images), captions, truth, concept=concept, operator=operator)
                items.embedded.update({image: _embedded(content) for image, content in images.items()})


def _embedded(content: bytes) -> EmbeddedImage:
    return EmbeddedImage(partial(open_image_bytes, content), hashlib.sha256(content).hexdigest())


BENCHMARK = ItemReader(CARD, add_items)
