"""The pairs of stage inpaint: counts, rejections, and a sample."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nearmiss.base.seeding import rng
from nearmiss.engine.formats import inpaintcoco
from nearmiss.engine.formats.inpaintcoco import Read
from nearmiss.engine.images.browser import data_uri, thumbnail
from nearmiss.engine.images.decode import open_image_bytes
from nearmiss.stages.compare.marked import Marked, marked

PAIRS, SUMMARY = "test-00000-of-00001.parquet", "summary.json"
COUNT = 6
SIDE = 160
"""Longest side of an embedded image in pixels; smaller ones are not changed."""


@dataclass(frozen=True)
class ShownPair:
    """One pair: data URIs of the image, its counterfactual and the mask of the edit, and the two captions."""

    concept: str
    images: tuple[str, str]
    mask: str
    captions: tuple[str, str]
    marked: Marked
    """The captions with the words in which they differ."""


def sentences(summary: dict[str, Any]) -> list[str]:
    """Sentences on the number of pairs, and of pixels that changed outside of the masks."""
    if not summary:
        return []
    requested = sum(of["requested"] for of in summary["by_operation"].values())
    changed = summary["changed_outside_masks"]
    return [
        f"{summary['pairs']:,} pairs were made of {requested:,} requested; {summary['rejected']:,} candidates were "
        "rejected, each with its reason.",
        f"Pixels changed outside of the masks of the edits, over all pairs: {changed:,}.",
    ]


def operation_rows(summary: dict[str, Any]) -> list[dict[str, str]]:
    """One row per operation: pairs requested and made, images tried, and reasons of rejections."""
    rows = []
    for name, of in sorted(summary.get("by_operation", {}).items()):
        reasons = sorted(of["reasons"].items(), key=lambda pair: (-pair[1], pair[0]))
        tried = of.get("images", of.get("pictures", 0))
        rows.append(
            {
                "operation": name,
                "pairs": f"{of['pairs']:,} of {of['requested']:,}",
                "images": f"{tried:,}",
                "rejected": f"{sum(of['reasons'].values()):,}",
                "reasons": "; ".join(f"{reason} ({count:,})" for reason, count in reasons),
            }
        )
    return rows


def shown_pairs(file: Path, count: int = COUNT) -> list[ShownPair]:
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
        ShownPair(
            concept=row.concept,
            images=(_uri(row.coco_image), _uri(row.inpaint_image)),
            mask=_mask_uri(row.mask),
            captions=(row.coco_caption, row.inpaint_caption),
            marked=marked(row.coco_caption, row.inpaint_caption),
        )
        for row in sorted(drawn[:count], key=lambda row: (row.concept, row.row))
    ]


def _uri(content: bytes) -> str:
    return thumbnail(open_image_bytes(content), SIDE)


def _mask_uri(mask: np.ndarray) -> str:
    """A mask (H, W) bool as a red, half transparent layer of the size of the shown image."""
    layer = np.zeros((*mask.shape, 4), dtype=np.uint8)
    layer[mask] = (216, 73, 79, 140)
    image = Image.fromarray(layer)
    image.thumbnail((SIDE, SIDE), Image.Resampling.NEAREST)
    out = BytesIO()
    image.save(out, "PNG")
    return data_uri(out.getvalue(), "image/png")
