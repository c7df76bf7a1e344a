"""Standalone use of the stage: reads a folder of photographs, writes pairs, contact sheets and a card."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from nearmiss.base.files import write_json, write_text
from nearmiss.base.outputs import OutputFolder
from nearmiss.engine.images.contact_sheet import SheetPair, contact_sheet
from nearmiss.engine.images.decode import open_image_bytes
from nearmiss.stages.inpaint import photographs
from nearmiss.stages.inpaint.card import card
from nearmiss.stages.inpaint.config import InpaintConfig
from nearmiss.stages.inpaint.corpus import read_corpus
from nearmiss.stages.inpaint.editing import Outcome, planned
from nearmiss.stages.inpaint.stage import PAIRS, REJECTED, REJECTIONS, SUMMARY
from nearmiss.stages.inpaint.stage import run as run_stage

_PAIRS_PER_SHEET = 12


def run(
    *,
    config: InpaintConfig,
    backend: str,
    images: Path,
    instances: Path,
    captions: Path,
    out: Path,
    workers: int = 1,
    judge: tuple[str, str | None] | None = None,
) -> dict[str, Any]:
    """Write `out`: pairs.parquet, rejected.parquet, sheets/CONCEPT-N.png, README.md (the card), summary.json.

    `judge`: an open_clip model; pairs whose change it does not detect are rejected. Returns the summary. Raises
    InputError if a file is malformed or no pair can be made.
    """
    target = OutputFolder(out, inputs=[images, instances, captions])
    with TemporaryDirectory() as scratch, target as folder:
        found = photographs.read(Path(images), Path(instances), Path(captions), Path(scratch))
        tables = {name: found.table(name) for name in ("images", "objects", "captions")}
        made = Path(scratch) / "made"
        with found.named_in_errors():
            summary = run_stage(
                config=config, root=Path(images), out=made, workers=workers, origins=found.origins, **tables
            )
        set_aside = [(image, object_id, "", None, reason) for image, object_id, reason in found.set_aside]
        rejected = pl.concat(
            [pl.DataFrame(set_aside, schema=REJECTIONS, orient="row"), pl.read_parquet(made / REJECTED, glob=False)]
        )
        shutil.move(made / PAIRS, folder / "pairs.parquet")
        if judge is not None:
            from nearmiss.engine.scoring.encoder import Encoder  # torch takes seconds to import
            from nearmiss.stages.inpaint.model_filter import filter_by_model

            rejected = pl.concat([rejected, filter_by_model(folder / "pairs.parquet", Encoder(*judge))])
        rejected.write_parquet(folder / REJECTED, statistics=False)
        pairs = pl.read_parquet(folder / "pairs.parquet", glob=False)
        counts = dict(sorted(pairs["concept"].value_counts().iter_rows()))
        summary |= {
            "backend": backend,
            "set_aside": len(set_aside),
            "scaled": found.scaled,
            "rejected": rejected.height,
        }
        summary |= {"pairs": pairs.height, "by_concept": counts}
        write_json(folder / SUMMARY, summary)
        _write_sheets(pairs, folder / "sheets")
        described = pairs.select("concept", "coco_details", "inpaint_details")
        write_text(folder / "README.md", card(described, rejected, config.model_dump(), backend))
    return summary


def plan(*, config: InpaintConfig, images: Path, instances: Path, captions: Path) -> Iterator[str]:
    """Yield a line for each change that captions and annotations allow, without editing."""
    with TemporaryDirectory() as scratch:
        found = photographs.read(Path(images), Path(instances), Path(captions), Path(scratch))
        images_table, objects, captions_table = (found.table(name) for name in ("images", "objects", "captions"))
        with found.named_in_errors():
            corpus = read_corpus(images_table, objects, captions_table, None, Path(images), split=config.split)
        for options in config.operations:
            for image_id in sorted(corpus.annotations):
                for each in planned(corpus, options, config, image_id, Outcome()):
                    edit = each.caption_edits[0]
                    change = f"{options.operation} {each.plan.object_id}, {each.plan.old} -> {each.plan.new}"
                    yield f"{image_id} {change}: {edit.text} -> {edit.edited}"


def _write_sheets(pairs: pl.DataFrame, folder: Path) -> None:
    folder.mkdir()
    for (concept,), rows in pairs.with_row_index("row").group_by("concept", maintain_order=True):
        for start in range(0, rows.height, _PAIRS_PER_SHEET):
            entries = [_entry(row) for row in rows[start : start + _PAIRS_PER_SHEET].iter_rows(named=True)]
            contact_sheet(entries).save(folder / f"{concept}-{start // _PAIRS_PER_SHEET + 1}.png")


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
