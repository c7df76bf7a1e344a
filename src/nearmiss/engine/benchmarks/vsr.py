"""VSR (Liu, Emerson, Collier, TACL 2023): is a statement about how two things lie to each other true of the picture?"""

from nearmiss.engine.benchmarks.published import Rule, Sheet, Source, json_lines

_SHOWN = 1000  # labels below this stand in a message
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
        for place, value in json_lines(file):
            with sheet.record(value, file, f"line {place}") as record:
                label = record.whole("label")
                if label not in (0, 1):
                    raise record.wrong(f"a label is {label if abs(label) < _SHOWN else 'large'}, not 0 or 1")
                image, caption = f"vsr/images/{record.text('image')}", record.text("caption")
                sheet.add(file.parent.name, place, [image], [caption], [[bool(label)]], concept="relation")
