"""InpaintCOCO as published (Rösch et al., ALVR 2024), or any folder of pairs in its schema, for a model of any kind."""

import hashlib
from functools import partial

from nearmiss.engine.benchmarks.inpaintcoco import CONCEPTS
from nearmiss.engine.benchmarks.published import Carried, Rule, Sheet, Source
from nearmiss.engine.formats import inpaintcoco
from nearmiss.engine.images.decode import open_image_bytes

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
    """One question of two images and two captions for each usable row; the others are counted by reason."""
    for file in sheet.listed():
        usable, rejected = inpaintcoco.read(file)
        sheet.left_out.update(reason for _, reason in rejected)
        for row in usable:
            word = row.concept.lower().removesuffix("s")
            if word not in CONCEPTS:
                sheet.left_out[f"unknown concept {row.concept!r}"] += 1
                continue
            concept, operator = CONCEPTS[word]
            name = f"inpaintcoco/{file.stem}-{row.row}"
            images = {f"{name}-coco": row.coco_image, f"{name}-inpaint": row.inpaint_image}
            sheet.carried.update({image: _carried(content) for image, content in images.items()})
            sheet.add(
                concept,
                f"{file.stem}-{row.row}",
                list(images),
                [row.coco_caption, row.inpaint_caption],
                [[True, False], [False, True]],
                concept=concept,
                operator=operator,
            )


def _carried(content: bytes) -> Carried:
    return Carried(partial(open_image_bytes, content), hashlib.sha256(content).hexdigest())
