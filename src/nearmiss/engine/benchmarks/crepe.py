"""CREPE's productivity part (Ma et al., CVPR 2023): a caption of a region against its hard negatives, by complexity."""

import ast

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks.published import Rule, Sheet, Source
from nearmiss.engine.formats.records import REMEDY

_COLUMNS = ("image_id", "caption", "hard_negs", "x", "y", "width", "height")
_KINDS = ("atom", "swap", "negate")

SOURCE = Source(
    name="crepe",
    paper="Ma et al., CREPE, CVPR 2023",
    licence="MIT (images of Visual Genome: CC BY 4.0)",
    origin="the authors' repository RAIVNLab/CREPE, archive of the productivity part; images: Visual Genome",
    files=tuple(f"crepe/prod_vg_hard_negs_{kind}_complexity_*.csv" for kind in _KINDS),
    images=("vg/images",),
    rule=Rule(ties="wrong"),
    as_published=Rule(ties="right"),
    averages={kind: (f"{kind}/*",) for kind in _KINDS},
    notes="Recall@1, a part for each kind and complexity. As published, a tie counts for the caption, which stands "
    "first. The systematicity part asks for models trained on three named corpora and is not here.",
)


def fill(sheet: Sheet) -> None:
    """One question of a caption and its negatives for each row; the true caption stands first."""
    for file in sheet.listed():
        kind, complexity = file.stem.removeprefix("prod_vg_hard_negs_").split("_complexity_")
        frame = pl.read_csv(file)
        missing = [column for column in _COLUMNS if column not in frame.columns]
        if missing:
            raise InputError(f"the file lacks the columns {missing}", file=file, remedy=REMEDY)
        for place, row in enumerate(frame.select(_COLUMNS).iter_rows(named=True)):
            negatives = ast.literal_eval(row["hard_negs"])
            sheet.add(
                f"{kind}/{int(complexity):02d}",
                place,
                [f"vg/images/{row['image_id']}.jpg"],
                [row["caption"], *negatives],
                [[True] + [False] * len(negatives)],
                operator="replace" if kind == "atom" else kind,
                crop=[row["x"], row["y"], row["width"], row["height"]],
            )
