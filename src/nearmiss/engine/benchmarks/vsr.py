"""VSR (Liu, Emerson, Collier, TACL 2023): is a statement about how two things lie to each other true of the picture?"""

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks.published import Rule, Sheet, Source
from nearmiss.engine.formats.records import REMEDY, field, json_lines

_RULE = Rule(ties="wrong", alone=True)

SOURCE = Source(
    name="vsr",
    paper="Liu, Emerson, Collier, Visual Spatial Reasoning, TACL 2023",
    licence="Apache 2.0 (images of COCO: CC BY 4.0)",
    origin="the authors' repository cambridgeltl/visual-spatial-reasoning, or the hub's vsr_random and vsr_zeroshot",
    files=("vsr/random/test.jsonl", "vsr/zeroshot/test.jsonl"),
    images=("vsr/images",),
    rule=_RULE,
    as_published=_RULE,
    notes="Statements are judged one at a time: AUROC, and accuracy at a threshold fitted on the other folds' images. "
    "The published accuracies are of models that were trained on its training split.",
)


def fill(sheet: Sheet) -> None:
    """One question of one image and one caption for each line."""
    for file in sheet.listed():
        for place, record in json_lines(file):
            name = f"line {place}"
            caption, image = (field(record, key, str, file=file, name=name) for key in ("caption", "image"))
            label = field(record, "label", int, file=file, name=name)
            if label not in (0, 1):
                raise InputError(f"a label is {label}, not 0 or 1", file=file, record=name, remedy=REMEDY)
            sheet.add(file.parent.name, place, [f"vsr/images/{image}"], [caption], [[bool(label)]], concept="relation")
