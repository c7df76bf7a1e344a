"""NegBench's multiple-choice part (Alhamoud et al., CVPR 2025): which objects are present, and which are absent."""

from pathlib import PurePosixPath

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader
from nearmiss.engine.benchmarks.csv_records import csv_records

_CHOICES = tuple(f"caption_{number}" for number in range(4))
_COLUMNS = ("image_path", "correct_answer", *_CHOICES, "correct_answer_template")
_PARTS = {
    "COCO_val_mcq_llama3.1_rephrased": ("coco", "coco/val2017"),
    "VOC2007_mcq_llama3.1_rephrased": ("voc2007", "voc2007/VOCdevkit/VOC2007/JPEGImages"),
}
"""File: the name of the part, and the folder of its images."""

CARD = Card(
    name="negbench",
    paper="Alhamoud et al., Vision-Language Models Do Not Understand Negation, CVPR 2025",
    license="MIT (images of COCO and VOC2007 under their own)",
    origin="the folder that the authors' repository m1k2zoo/negbench links to; images: COCO val2017, test of VOC2007",
    files=tuple(f"negbench/{name}.csv" for name in _PARTS),
    images=tuple(folder for _, folder in _PARTS.values()),
    released=Measurement(ties="right"),
    averages={part: (f"{part}/*",) for part, _ in _PARTS.values()},
    notes="A part for each template of the true statement: positive, negative, hybrid. The authors' totals count items "
    "alike, the means here templates. As released, a tie counts for the true statement, which stands first.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of four captions for each row, in their published order."""
    for file in items.files():
        part, folder = _PARTS[file.stem]
        for number, cells in csv_records(file, _COLUMNS):
            with items.record(cells, file, f"row {number}") as record:
                right = record.identifier("correct_answer")
                if right not in {str(index) for index in range(len(_CHOICES))}:
                    raise record.wrong("'correct_answer' is not the number of a caption")
                items.add(
                    f"{part}/{record.text('correct_answer_template')}",
                    number,
                    [f"{folder}/{PurePosixPath(record.text('image_path')).name}"],
                    [record.text(key) for key in _CHOICES],
                    [[str(index) == right for index in range(len(_CHOICES))]],
                    concept="existence",
                    operator="negate",
                )


BENCHMARK = ItemReader(CARD, add_items)
