"""InpaintCOCO, or pairs in its schema (stage inpaint): each row is one question of two images and two captions."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.base.tables import table
from nearmiss.engine.benchmarks.measurement import Measurement
from nearmiss.engine.formats import inpaintcoco
from nearmiss.engine.formats.inpaintcoco import Read

BENCHMARK = "inpaintcoco"

# The card names concepts without their literal words: number and British spelling are taken as they come.
CONCEPTS = {
    "object": ("object", "replace"),
    "color": ("color", "replace"),
    "colour": ("color", "replace"),
    "size": ("size", "replace"),
    "location": ("location", "replace"),
    "count": ("count", "recount"),
}
"""The file's word for a concept, in lower case and without a plural s: the (concept, operator) that it stands for."""


@dataclass(frozen=True)
class InpaintItems:
    """Items of the benchmark (table `items`, sorted by item_id), the pictures that they ask for, their measurement."""

    frame: pl.DataFrame
    pictures: dict[str, bytes]
    """Image id -> the bytes of its file; ids are "inpaintcoco-<row>-coco" and "inpaintcoco-<row>-inpaint"."""
    measurement: Measurement


def load(file: Path, split: str) -> InpaintItems:
    """Read a Parquet file of pairs; `split` is what the results are filed under.

    A row that cannot be used is left out and counted in the measurement. Raises InputError where the file is missing,
    lacks a column, or has no usable row.
    """
    file = Path(file)
    usable, rejected = inpaintcoco.read(file)
    left_out = Counter(reason for _, reason in rejected)
    rows: list[dict[str, Any]] = []
    pictures: dict[str, bytes] = {}
    for each in usable:
        known = CONCEPTS.get(each.concept.lower().removesuffix("s"))
        if known is None:
            left_out[f"unknown concept {each.concept!r}"] += 1
            continue
        item = _item(each, *known)
        rows.append(item)
        pictures.update(zip(item["images"], (each.coco_image, each.inpaint_image), strict=True))
    reasons = ", ".join(f"{reason} ({count})" for reason, count in sorted(left_out.items()))
    if not rows:
        raise InputError(
            f"the benchmark has no usable row: {reasons or 'the file is empty'}",
            file=file,
            remedy="give a file with rows in InpaintCOCO's schema",
        )
    measurement = Measurement(
        benchmark=BENCHMARK,
        split=split,
        source=f"pairs in InpaintCOCO's schema; {len(rows)} rows used, left out: {reasons or 'none'}",
        hashes={file.name: sha256(file)},
        subsets="every row is one item of two images and two captions; by concept and operator",
        metrics={
            "accuracy": "share of single decisions: of an image, its own against the other caption; of a caption, its "
            "own against the other image",
            "text": "both images prefer their own caption",
            "image": "both captions prefer their own image",
            "group": "text and image",
        },
        averaging="micro over the decisions of a concept",
        ties="similarities within 1e-6 are a tie: half a decision in accuracy, wrong in every other metric, counted",
        crop="none",
    )
    return InpaintItems(table("items", rows).sort("item_id"), pictures, measurement)


def _item(row: Read, concept: str, operator: str) -> dict[str, Any]:
    name = f"{BENCHMARK}-{row.row:06d}"
    return {
        "item_id": name,
        "benchmark": BENCHMARK,
        "subset": "2x2",
        "concept": concept,
        "operator": operator,
        "template_id": None,
        "condition": "iid",
        "images": [f"{name}-coco", f"{name}-inpaint"],
        "captions": [row.coco_caption, row.inpaint_caption],
        "truth": [[True, False], [False, True]],
        "crop": None,
    }
