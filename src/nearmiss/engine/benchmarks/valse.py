"""VALSE (Parcalabescu et al., ACL 2022): a caption against its foil in eleven pieces; what annotators agreed on."""

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.engine.benchmarks.published import Rule, Sheet, Source
from nearmiss.engine.formats.records import REMEDY, field
from nearmiss.engine.formats.valse import AGREED, KINDS

# Where the authors keep the images of each piece, by the beginning of its file's name; a file name may say otherwise.
_ROOTS = {
    "existence": "visual7w/images",
    "counting": "visual7w/images",
    "plurals": "coco/val2017",
    "relations": "coco/val2017",
    "action-replacement": "swig/images_512",
    "actant-swap": "swig/images_512",
    "coreference-standard": "visdial/images",
    "coreference-hard": "visdial/val2018",
    "foil-it": "coco/val2014",
}
_NAMED = {"COCO_val2014": "coco/val2014", "COCO_train2014": "coco/train2014", "VisualDialog_val2018": "visdial/val2018"}

SOURCE = Source(
    name="valse",
    paper="Parcalabescu et al., VALSE, ACL 2022",
    licence="MIT",
    origin="the authors' repository Heidelberg-NLP/VALSE, folder data; images of COCO, Visual7W, SWiG, VisDial",
    files=("valse/data/*.json",),
    images=tuple(sorted({*_ROOTS.values(), *_NAMED.values()})),
    rule=Rule(ties="wrong"),
    as_published=Rule(ties="wrong"),
    notes="Pairwise accuracy (acc_r) on items of which at least two of three annotators chose the caption.",
)


def fill(sheet: Sheet) -> None:
    """One question of two captions for each valid record."""
    for file in sheet.listed():
        concept, operator = next((kind for start, kind in KINDS.items() if file.stem.startswith(start)), (None, None))
        root = next((root for start, root in _ROOTS.items() if file.stem.startswith(start)), "valse/images")
        records = read_json(file)
        if not isinstance(records, dict):
            raise InputError("the file is not a JSON object of records by name", file=file, remedy=REMEDY)
        for number, record in records.items():
            name = f"id {number}"
            votes = field(record, "mturk", dict, file=file, name=name)
            if field(votes, "caption", int, file=file, name=name) < AGREED:
                sheet.left_out["fewer than two annotators chose the caption"] += 1
                continue
            image = field(record, "image_file", str, file=file, name=name)
            folder = next((place for start, place in _NAMED.items() if image.startswith(start)), root)
            captions = [field(record, key, str, file=file, name=name) for key in ("caption", "foil")]
            sheet.add(
                file.stem, number, [f"{folder}/{image}"], captions, [[True, False]], concept=concept, operator=operator
            )
