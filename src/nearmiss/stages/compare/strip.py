"""Synthesised pairs for the page: a picture, its counterfactual, both captions. Drawn by seed, never chosen."""

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from nearmiss.base.seeding import rng
from nearmiss.engine.formats import inpaintcoco
from nearmiss.engine.formats.inpaintcoco import Read
from nearmiss.engine.images.decode import open_image_bytes

COUNT = 6
SIDE = 160
"""Longest side of an embedded picture in pixels; smaller ones stay as they are."""


@dataclass(frozen=True)
class Shown:
    """One pair: data URIs of the picture and its counterfactual, and their captions."""

    concept: str
    pictures: tuple[str, str]
    captions: tuple[str, str]


def strip(file: Path, count: int = COUNT) -> list[Shown]:
    """`count` pairs of a file in InpaintCOCO's schema: one of each concept in turn, until there are enough."""
    usable, _ = inpaintcoco.read(file)
    by_concept: dict[str, list[Read]] = {}
    for row in usable:
        by_concept.setdefault(row.concept, []).append(row)
    for concept, rows in by_concept.items():
        rng(0, "strip", concept).shuffle(rows)
    rounds = max(map(len, by_concept.values()), default=0)
    drawn = [rows[turn] for turn in range(rounds) for _, rows in sorted(by_concept.items()) if turn < len(rows)]
    return [
        Shown(
            concept=row.concept,
            pictures=(_uri(row.coco_image), _uri(row.inpaint_image)),
            captions=(row.coco_caption, row.inpaint_caption),
        )
        for row in sorted(drawn[:count], key=lambda row: (row.concept, row.row))
    ]


def _uri(content: bytes) -> str:
    """A small JPEG of a picture as a data URI."""
    image = open_image_bytes(content)
    image.thumbnail((SIDE, SIDE))
    out = BytesIO()
    image.save(out, format="JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"
