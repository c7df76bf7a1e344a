"""InpaintCOCO as published (Rösch et al., ALVR 2024), or any folder of pairs in its schema, for a model of any kind."""

import hashlib
from functools import partial

from nearmiss.engine.benchmarks.inpaintcoco import CONCEPTS
from nearmiss.engine.benchmarks.published import Carried, Rule, Sheet, Source
from nearmiss.engine.formats import inpaintcoco
from nearmiss.engine.images.decode import open_image_bytes

_SHOWN = 40  # characters of a concept that stand in a message
_RULE = Rule(ties="wrong", asked="both")

SOURCE = Source(
    name="inpaintcoco",
    paper="Rösch et al., Enhancing Conceptual Understanding in Multimodal Contrastive Learning, ALVR 2024",
    licence="CC BY 4.0 (captions); images under COCO's own",
    origin="the hub's data set phiyodr/InpaintCOCO, or what `nearmiss inpaint` makes",
    files=("inpaintcoco/**/*.parquet",),
    images=(),
    rule=_RULE,
    as_published=_RULE,
    notes="The score is group: both images prefer their caption and both captions their image. A part is a concept.",
)


def fill(sheet: Sheet) -> None:
    """One question of two images and two captions for each usable row; the others are left out with their reason."""
    files = list(sheet.listed())
    for file in files:
        alone = sum(file.stem == other.stem for other in files) == 1
        stem = file.stem if alone else sheet.folders.name(file).removesuffix(".parquet")
        usable, rejected = inpaintcoco.read(file)
        for number, reason in rejected:
            with sheet.record(None, file, f"row {number}") as record:
                raise record.wrong(reason)
        for row in usable:
            with sheet.record(row, file, f"row {row.row}") as record:
                word = row.concept.lower().removesuffix("s")
                if word not in CONCEPTS:
                    raise record.wrong(f"unknown concept {row.concept[:_SHOWN]!r}")
                concept, operator = CONCEPTS[word]
                name = f"inpaintcoco/{stem}-{row.row}"
                images = {f"{name}-coco": row.coco_image, f"{name}-inpaint": row.inpaint_image}
                captions, truth = [row.coco_caption, row.inpaint_caption], [[True, False], [False, True]]
                item = f"{stem}-{row.row}"
                sheet.add(concept, item, list(images), captions, truth, concept=concept, operator=operator)
                sheet.carried.update({image: _carried(content) for image, content in images.items()})


def _carried(content: bytes) -> Carried:
    return Carried(partial(open_image_bytes, content), hashlib.sha256(content).hexdigest())
