"""CREPE's productivity part (Ma et al., CVPR 2023): a caption of a region against its hard negatives, by complexity."""

import ast
import re
import tokenize
from io import StringIO
from itertools import pairwise

from nearmiss.engine.benchmarks.benchmark import Card, Measurement
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader
from nearmiss.engine.benchmarks.csv_records import csv_records
from nearmiss.engine.benchmarks.fields import Record

_COLUMNS = ("image_id", "caption", "hard_negs", "x", "y", "width", "height")
_KINDS = ("atom", "swap", "negate")
_NEIGHBORS = re.compile(r"['\"]\s*['\"]")
_LAYOUT = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)

CARD = Card(
    name="crepe",
    paper="Ma et al., CREPE, CVPR 2023",
    license="MIT (images of Visual Genome: CC BY 4.0)",
    origin="the authors' repository RAIVNLab/CREPE, archive of the productivity part; images: Visual Genome",
    files=tuple(f"crepe/prod_vg_hard_negs_{kind}_complexity_*.csv" for kind in _KINDS),
    images=("vg/images",),
    released=Measurement(ties="right"),
    averages={kind: (f"{kind}/*",) for kind in _KINDS},
    notes="Recall@1, a part for each kind and complexity. As published, a tie counts for the caption, which stands "
    "first. The systematicity part asks for models trained on three named corpora and is not here.",
)


def add_items(items: ItemBuilder) -> None:
    """One item of a caption and its negatives for each row; the true caption is first."""
    for file in items.files():
        kind, complexity = file.stem.removeprefix("prod_vg_hard_negs_").split("_complexity_")
        for index, cells in csv_records(file, _COLUMNS):
            with items.record(cells, file, f"row {index}") as record:
                negatives = record.as_texts(literal(record.text("hard_negs"), record), "'hard_negs'")
                items.add(
                    f"{kind}/{int(complexity):02d}",
                    index,
                    [f"vg/images/{record.identifier('image_id')}.jpg"],
                    [record.text("caption"), *negatives],
                    [[True] + [False] * len(negatives)],
                    operator="replace" if kind == "atom" else kind,
                    crop=[_number(record, key) for key in ("x", "y", "width", "height")],
                )


def literal(cell: str, record: Record) -> object:
    """The value of a Python literal, as the authors write lists.

    Raises InputError where it is none, and where texts stand next to each other without a comma, as NumPy prints an
    array: Python would join them into one.
    """
    cell = cell.strip()
    try:
        found = ast.literal_eval(cell)
        joined = _NEIGHBORS.search(cell) is not None and _joined(cell)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, tokenize.TokenError):
        raise record.wrong("'hard_negs' is not a Python literal") from None
    if joined:
        raise record.wrong("'hard_negs' has texts without a comma between them")
    return found


def _joined(cell: str) -> bool:
    kinds = [token.type for token in tokenize.generate_tokens(StringIO(cell).readline) if token.type not in _LAYOUT]
    return any(one == other == tokenize.STRING for one, other in pairwise(kinds))


def _number(record: Record, key: str) -> float:
    try:
        return float(record.text(key))
    except ValueError:
        raise record.wrong(f"'{key}' is not a number") from None


BENCHMARK = ItemReader(CARD, add_items)
