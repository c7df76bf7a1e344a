"""SVO-Probes (Hendricks and Nematzadeh, ACL Findings 2021): a sentence, an image of it, and one of another triplet."""

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader
from nearmiss.engine.benchmarks.csv_records import csv_records
from nearmiss.engine.benchmarks.fields import Record

_PARTS = {"subj_neg": ("subject", "object"), "verb_neg": ("verb", "action"), "obj_neg": ("object", "object")}
"""Column that marks what the negative image changes: the name of the part, and its concept."""
_COLUMNS = ("sentence", "pos_image_id", "neg_image_id", *_PARTS)
_MARKS = {"true": True, "false": False}

CARD = Card(
    name="svo_probes",
    paper="Hendricks and Nematzadeh, Probing Image-Language Transformers for Verb Understanding, ACL Findings 2021",
    license="CC BY 4.0 (list); images under their own",
    origin="the authors' repository google-deepmind/svo_probes; images: each address of the list, named by its id",
    files=("svo_probes/svo_probes.csv",),
    images=("svo_probes/images",),
    measurement=Measurement(primary="image", single_captions=True),
    notes="score: the sentence prefers its image, as dual encoders are compared. The authors classify one image at a "
    "time, as AUROC and accuracy at a fitted threshold do. Rows that change several parts or none are left out, as in "
    "their evaluation.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of two images and one caption for each row; the true image is first."""
    for file in items.files():
        for number, cells in csv_records(file, _COLUMNS):
            with items.record(cells, file, f"row {number}") as record:
                changed = [part for column, part in _PARTS.items() if _mark(record, column)]
                images = [record.identifier(key) for key in ("pos_image_id", "neg_image_id")]
                caption = record.text("sentence")
                if len(changed) != 1:
                    items.exclude("a negative that does not change exactly one of subject, verb and object")
                    continue
                part, concept = changed[0]
                paths = [f"svo_probes/images/{image}.jpg" for image in images]
                items.add(part, number, paths, [caption], [[True], [False]], concept=concept, operator="replace")


def _mark(record: Record, column: str) -> bool:
    mark = _MARKS.get(record.text(column).strip().lower())
    if mark is None:
        raise record.wrong(f"'{column}' is neither true nor false")
    return mark


BENCHMARK = ItemReader(CARD, add_items)
