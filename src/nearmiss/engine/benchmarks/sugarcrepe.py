"""SugarCrepe (Hsieh et al., NeurIPS 2023): a COCO caption against one that a language model wrote."""

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.engine.benchmarks.published import Rule, Sheet, Source
from nearmiss.engine.formats.records import REMEDY, field
from nearmiss.engine.formats.sugarcrepe import CONCEPTS, OPERATORS

PARTS = ("add_att", "add_obj", "replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj")

SOURCE = Source(
    name="sugarcrepe",
    paper="Hsieh et al., SugarCrepe, NeurIPS 2023",
    licence="MIT (captions of COCO: CC BY 4.0)",
    origin="the authors' repository RAIVNLab/sugar-crepe, folder data; images: COCO val2017",
    files=tuple(f"sugarcrepe/data/{part}.json" for part in PARTS),
    images=("coco/val2017",),
    rule=Rule(ties="wrong"),
    as_published=Rule(ties="wrong"),
    averages={operator: (f"{operator}_*",) for operator in OPERATORS},
    notes="Parts add_* are solved at about 98 % by taking the shorter caption.",
)


def fill(sheet: Sheet) -> None:
    """One question of two captions for each record; the true caption stands first."""
    for file in sheet.listed():
        operator, about = file.stem.split("_")
        records = read_json(file)
        if not isinstance(records, dict):
            raise InputError("the file is not a JSON object of records by number", file=file, remedy=REMEDY)
        for number, record in records.items():
            name = f"id {number}"
            captions = [field(record, key, str, file=file, name=name) for key in ("caption", "negative_caption")]
            image = field(record, "filename", str, file=file, name=name)
            sheet.add(
                file.stem,
                number,
                [f"coco/val2017/{image}"],
                captions,
                [[True, False]],
                concept=CONCEPTS.get(about),
                operator=operator,
            )
