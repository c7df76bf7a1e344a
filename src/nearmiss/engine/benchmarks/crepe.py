"""CREPE's productivity part (Ma et al., CVPR 2023): a caption of a region against its hard negatives, by complexity."""

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader
from nearmiss.engine.benchmarks.csv_records import csv_records, literal
from nearmiss.engine.benchmarks.fields import Record

_COLUMNS = ("image_id", "caption", "hard_negs", "x", "y", "width", "height")
_KINDS = ("atom", "swap", "negate")

CARD = Card(
    name="crepe",
    paper="Ma et al., CREPE, CVPR 2023",
    license="not stated (images of Visual Genome: CC BY 4.0)",
    origin="the authors' repository RAIVNLab/CREPE, archive of the productivity part; images: Visual Genome",
    files=tuple(f"crepe/**/prod_vg_hard_negs_{kind}_complexity_*.csv" for kind in _KINDS),
    images=("vg/images",),
    released=Measurement(ties="right"),
    averages={kind: (f"{kind}/*",) for kind in _KINDS},
    notes="Recall@1, a part for each kind and complexity. As published, a tie counts for the caption, which stands "
    "first. The systematicity part needs models trained on three named corpora and is not here.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of a caption and its negatives for each row; the true caption is first."""
    for file in items.files():
        kind, complexity = file.stem.removeprefix("prod_vg_hard_negs_").split("_complexity_")
        for index, cells in csv_records(file, _COLUMNS):
            with items.record(cells, file, f"row {index}") as record:
                negatives = record.as_texts(literal(record, "hard_negs"), "'hard_negs'")
                items.add(
                    f"{kind}/{int(complexity):02d}",
                    index,
                    [f"vg/images/{record.identifier('image_id')}.jpg"],
                    [record.text("caption"), *negatives],
                    [[True] + [False] * len(negatives)],
                    operator="replace" if kind == "atom" else kind,
                    crop=[_number(record, key) for key in ("x", "y", "width", "height")],
                )


def _number(record: Record, key: str) -> float:
    try:
        return float(record.text(key))
    except ValueError:
        raise record.wrong(f"'{key}' is not a number") from None


BENCHMARK = ItemReader(CARD, add_items)
