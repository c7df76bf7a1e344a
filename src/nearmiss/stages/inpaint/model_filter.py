"""Filters pairs by a model of open_clip: each image should be more similar to its own caption."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from nearmiss.engine.formats.inpaintcoco import write_rows
from nearmiss.engine.images.decode import open_image_bytes
from nearmiss.engine.scoring.encoder import Encoder
from nearmiss.stages.inpaint.editing import REJECTIONS

REASON = "the filter model does not assign the images to their captions"


def filter_by_model(file: Path, encoder: Encoder) -> pl.DataFrame:
    """Write the margins into the table of pairs, and keep the pairs with a positive sum of margins.

    A margin is the cosine of an image with its own caption minus that with the other one. The sum is 0 for a model that
    detects no difference between the images, whatever its bias for captions. Returns the rejected rows.
    """
    rows = pl.read_parquet(file, glob=False).to_dicts()
    margins = _margins(rows, encoder)
    for row, (original, changed) in zip(rows, margins, strict=True):
        row["inpaint_details"] |= {"margin_original": float(original), "margin_changed": float(changed)}
    assigned = margins.sum(axis=1) > 0
    write_rows([row for row, kept in zip(rows, assigned, strict=True) if kept], file)
    refused = [_refused(row) for row, kept in zip(rows, assigned, strict=True) if not kept]
    return pl.DataFrame(refused, schema=REJECTIONS, orient="row")


def _margins(rows: list[dict[str, Any]], encoder: Encoder) -> np.ndarray:
    """(pairs, 2): margins of the original and of the edited image."""
    images = [encoder.images([_opener(row[name]["bytes"]) for row in rows]) for name in ("coco_image", "inpaint_image")]
    texts = [encoder.texts([row[name] for row in rows]) for name in ("coco_caption", "inpaint_caption")]
    own = [(images[side] * texts[side]).sum(axis=1) for side in (0, 1)]
    other = [(images[side] * texts[1 - side]).sum(axis=1) for side in (0, 1)]
    return np.stack([own[0] - other[0], own[1] - other[1]], axis=1)


def _opener(content: bytes) -> Callable[[], Image.Image]:
    return partial(open_image_bytes, content)


def _refused(row: dict[str, Any]) -> tuple[str, str, str, str, str]:
    edit = row["inpaint_details"]
    return edit["image_id"], edit["object_id"], edit["operation"], row["coco_caption"], REASON
