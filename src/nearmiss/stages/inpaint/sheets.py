"""Contact sheets of the pairs of each concept, for a reader."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nearmiss.engine.images.contact_sheet import SheetPair, contact_sheet
from nearmiss.engine.images.decode import open_image_bytes

_PAIRS_PER_SHEET = 12
_SHEETS = 20  # of a concept: enough to read, and large sets of pairs stay small


def write_sheets(pairs: pl.DataFrame, folder: Path) -> None:
    """Write CONCEPT-N.png into the new folder `folder`: the first pairs of each concept, twelve on a sheet."""
    folder.mkdir()
    for (concept,), rows in pairs.with_row_index("row").group_by("concept", maintain_order=True):
        for sheet, shown in enumerate(rows.head(_SHEETS * _PAIRS_PER_SHEET).iter_slices(_PAIRS_PER_SHEET), start=1):
            entries = [_entry(row) for row in shown.iter_rows(named=True)]
            contact_sheet(entries).save(folder / f"{concept}-{sheet}.png")


def _entry(row: dict[str, Any]) -> SheetPair:
    edit = row["inpaint_details"]
    return SheetPair(
        original=_pixels(row["coco_image"]),
        changed=_pixels(row["inpaint_image"]),
        mask=_pixels(row["mask"])[..., 0] > 0,
        captions=(row["coco_caption"], row["inpaint_caption"]),
        title=f"{row['row']}  image {edit['image_id']}  {edit['operation']}  {edit['old']} -> {edit['new']}",
    )


def _pixels(image: dict[str, bytes]) -> np.ndarray:
    return np.asarray(open_image_bytes(image["bytes"]))
