"""The stage without any workflow: a folder of photographs in, pairs, contact sheets and a card out."""

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
from nearmiss.stages.inpaint.stage import PAIRS, REJECTED, REJECTIONS, SUMMARY
from nearmiss.stages.inpaint.stage import run as run_stage
from nearmiss.stages.inpaint.work import Outcome, planned

_ON_A_SHEET = 12  # pairs


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

    `judge` is a model, as open_clip names it, that must see each change. Returns the summary. Raises InputError where a
    file is malformed and where no pair can be made.
    """
    target = OutputFolder(out, inputs=[images, instances, captions])
    with TemporaryDirectory() as scratch, target as folder:
        read = photographs.read(Path(images), Path(instances), Path(captions), Path(scratch))
        tables = {name: read.table(name) for name in ("images", "objects", "captions")}
        made = Path(scratch) / "made"
        with read.named_in_errors():
            summary = run_stage(
                config=config, root=Path(images), out=made, workers=workers, origins=read.origins, **tables
            )
        aside = [(image, thing, "", None, reason) for image, thing, reason in read.set_aside]
        rejected = pl.concat(
            [pl.DataFrame(aside, schema=REJECTIONS, orient="row"), pl.read_parquet(made / REJECTED, glob=False)]
        )
        shutil.move(made / PAIRS, folder / "pairs.parquet")
        if judge is not None:
            from nearmiss.engine.scoring.encoder import Encoder  # torch takes seconds to import
            from nearmiss.stages.inpaint.judging import judged

            rejected = pl.concat([rejected, judged(folder / "pairs.parquet", Encoder(*judge))])
        rejected.write_parquet(folder / REJECTED, statistics=False)
        pairs = pl.read_parquet(folder / "pairs.parquet", glob=False)
        counts = dict(sorted(pairs["concept"].value_counts().iter_rows()))
        summary |= {"backend": backend, "set_aside": len(aside), "scaled": read.scaled, "rejected": rejected.height}
        summary |= {"pairs": pairs.height, "by_concept": counts}
        write_json(folder / SUMMARY, summary)
        _write_sheets(pairs, folder / "sheets")
        described = pairs.select("concept", "coco_details", "inpaint_details")
        write_text(folder / "README.md", card(described, rejected, config.model_dump(), backend))
    return summary


def plan(*, config: InpaintConfig, images: Path, instances: Path, captions: Path) -> Iterator[str]:
    """A line for each change that words and annotations allow, before a pixel is touched; all that would be tried."""
    with TemporaryDirectory() as scratch:
        read = photographs.read(Path(images), Path(instances), Path(captions), Path(scratch))
        shown, objects, told = (read.table(name) for name in ("images", "objects", "captions"))
        with read.named_in_errors():
            corpus = read_corpus(shown, objects, told, None, Path(images), split=config.split)
        for options in config.operations:
            for image_id in sorted(corpus.annotations):
                for each in planned(corpus, options, config, image_id, Outcome()):
                    words = each.tellings[0]
                    change = f"{options.operation} {each.plan.object_id}, {each.plan.old} -> {each.plan.new}"
                    yield f"{image_id} {change}: {words.told} -> {words.edited}"


def _write_sheets(pairs: pl.DataFrame, folder: Path) -> None:
    folder.mkdir()
    for (concept,), rows in pairs.with_row_index("row").group_by("concept", maintain_order=True):
        for start in range(0, rows.height, _ON_A_SHEET):
            shown = [_shown(row) for row in rows[start : start + _ON_A_SHEET].iter_rows(named=True)]
            contact_sheet(shown).save(folder / f"{concept}-{start // _ON_A_SHEET + 1}.png")


def _shown(row: dict[str, Any]) -> SheetPair:
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
