"""The card of a set of pairs: what is in it, how it was made, what was refused, and whose pictures they are."""

from collections import Counter
from typing import Any

import polars as pl

from nearmiss.base.display import markdown, single_line

_WORDING = {
    "exchange": "The captions of originals are the pictures' own.",
    "insert": "A color or a size may have been written into both captions of a pair: the original's is then the "
    "measured color, or the size by which the two pictures compare.",
}


def card(pairs: pl.DataFrame, rejected: pl.DataFrame, config: dict[str, Any], backend: str) -> str:
    """README.md with the front matter that `datasets.load_dataset` reads; `pairs` without their images."""
    coco, edit = pairs["coco_details"].struct.unnest(), pairs["inpaint_details"].struct.unnest()
    numbers = pl.concat(
        [pairs.select("concept"), edit.select("changed_inside", "likeness", "seam", "sharpness", "noise")],
        how="horizontal",
    )
    counts = (
        numbers.group_by("concept").agg(pl.len().alias("pairs"), pl.all().exclude("concept").median()).sort("concept")
    )
    sources = (
        pl.concat([edit.select("image_id"), coco.select("image_license", "flickr_url", "coco_url")], how="horizontal")
        .unique()
        .sort("image_id")
    )
    reasons = Counter(rejected["reason"].to_list()).most_common(15)
    backend = single_line(backend).replace("`", "'")
    licenses = sorted({license or "not stated" for license in sources["image_license"]})
    return f"""---
pretty_name: Counterfactual image pairs
task_categories: [zero-shot-image-classification, image-to-text]
language: [en]
configs:
- config_name: default
  data_files:
  - split: test
    path: pairs.parquet
---
# Counterfactual image pairs

{pairs.height} pairs of {edit["image_id"].n_unique()} pictures, in the schema of InpaintCOCO (Rösch et al., ALVR 2024).
In each pair one concept of the picture was changed by backend `{backend}`, and the caption with it; pixels outside of
`mask` are the original's. Made by `nearmiss inpaint`, seed {config["seed"]}. The numbers are medians of what the gates
measure.

{_markdown(counts.sort("concept"))}
{_WORDING[config["wording"]]} All captions of a picture as they came are in `coco_details.captions`.

## What was refused
{rejected.height} changes, all of them in rejected.parquet; most often:
{"; ".join(f"{markdown(reason)} ({count})" for reason, count in reasons)}.

## Whose pictures
Licenses: {", ".join(map(markdown, licenses))}. An edited picture is a work made of the original, under the same terms.

{_markdown(sources)}"""


def _markdown(frame: pl.DataFrame) -> str:
    rows = [frame.columns, ["---"] * frame.width, *([_cell(value) for value in row] for row in frame.iter_rows())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.2f}" if isinstance(value, float) else markdown(str(value))
