"""HNC's curated test set (Dönmez et al., CoNLL 2023): captions of scene graphs and minimally wrong ones, by type."""

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.engine.benchmarks.published import Rule, Sheet, Source
from nearmiss.engine.formats import hnc
from nearmiss.engine.formats.records import REMEDY

_RULE = Rule(ties="wrong", alone=True)

SOURCE = Source(
    name="hnc",
    paper="Dönmez et al., HNC, CoNLL 2023",
    licence="MIT (images of GQA: CC BY 4.0)",
    origin="the hub's data set patilli/HNC or DaRUS; images: GQA",
    files=("hnc/*test*.json",),
    images=("gqa/images",),
    rule=_RULE,
    as_published=_RULE,
    averages={"clean": ("clean/*",), "noisy": ("noisy/*",)},
    notes="Match or mismatch is judged by AUROC and at a fitted threshold: a cosine has no 0.5. Several negatives may "
    "share a caption. Noisy: the file's own mark on the negative.",
)


def fill(sheet: Sheet) -> None:
    """One question of two captions for each negative and the positive that it names."""
    for file in sheet.listed():
        noisy = _noisy(read_json(file), file)
        for row in hnc.read(file).iter_rows(named=True):
            kind = "noisy" if row["negative_id"] in noisy else "clean"
            sheet.add(
                f"{kind}/{row['type']}",
                f"{file.stem}-{row['negative_id']}",
                [f"gqa/images/{row['image_id']}.jpg"],
                [row["positive"], row["negative"]],
                [[True, False]],
                concept=row["concept"],
                operator=row["operator"],
            )


def _noisy(document: dict[str, dict[str, dict[str, dict[str, object]]]], file: object) -> set[str]:
    """The negatives of which the file says that a box was judged noisy."""
    if not isinstance(document, dict):
        raise InputError("the file is not a JSON object of images", record=file, remedy=REMEDY)
    return {
        f"{image}-{number}"
        for image, entry in document.items()
        for number, record in entry["captions"].items()
        if _any(record.get("noisy"))
    }


def _any(mark: object) -> bool:
    """Types of two statements mark each of them."""
    return any(mark.values()) if isinstance(mark, dict) else bool(mark)
