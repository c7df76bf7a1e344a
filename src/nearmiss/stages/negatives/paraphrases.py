"""Hard positives of the captions that have negatives: table `paraphrases`, one row for each caption and operator."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.manifest import verify_inputs
from nearmiss.base.outputs import OutputFile
from nearmiss.base.progress import progress
from nearmiss.base.seeding import rng
from nearmiss.base.tables import read_table, table, write_table
from nearmiss.engine.formats.caption_files import read_caption_file
from nearmiss.engine.formats.sound_tables import Faults, legible_captions
from nearmiss.engine.text.edits import diff
from nearmiss.engine.text.paraphrasing import paraphrases
from nearmiss.stages.negatives.candidates import NO_RESERVATIONS, Reserved
from nearmiss.stages.negatives.rewording import inverse_statement

FILE = "paraphrases.parquet"


INVERSE = "inverse"


def rows(
    captions: Iterable[tuple[str, ...]],
    operators: Sequence[str],
    *,
    seed: int,
    names: frozenset[str] = frozenset(),
    reserved: Reserved = NO_RESERVATIONS,
) -> list[dict[str, Any]]:
    """Rows for (caption id, image id, text), and the template's id if known; of several paraphrases, one is drawn.

    A re-worded statement of a relation is inverted in its own template.
    """
    found = []
    for caption_id, image_id, text, *template_id in captions:
        for operator in operators:
            candidates = paraphrases(operator, text, names)
            if operator == INVERSE and not candidates and template_id:
                in_template = inverse_statement(text, template_id[0], names)
                candidates = [] if in_template is None else [in_template]
            candidates = [other for other in candidates if not reserved.mentioned_in(other, names)]
            if not candidates:
                continue
            chosen = rng(seed, "paraphrases", operator, caption_id).choice(candidates)
            found.append(
                {
                    "paraphrase_id": f"{caption_id}-{operator}",
                    "caption_id": caption_id,
                    "image_id": image_id,
                    "operator": operator,
                    "positive": text,
                    "paraphrase": chosen,
                    "edits": [edit.as_record() for edit in diff(text, chosen)],
                }
            )
    return found


def paraphrase_table(
    negatives: Iterable[dict[str, Any]],
    operators: Sequence[str],
    *,
    seed: int,
    names: frozenset[str] = frozenset(),
    reserved: Reserved = NO_RESERVATIONS,
) -> pl.DataFrame:
    """Table `paraphrases` of the captions of rows of table `negatives`, in their order."""
    keys = ("caption_id", "image_id", "positive", "template_id")
    captions = {row["caption_id"]: tuple(row[key] for key in keys) for row in negatives}
    return table("paraphrases", rows(captions.values(), operators, seed=seed, names=names, reserved=reserved))


def run(*, captions: Path, operators: Sequence[str], seed: int, out: Path) -> dict[str, int]:
    """Write the paraphrases of a file of captions, or of table `captions`; returns how many by operator.

    Captions that cannot be read (text/legible.py) are set aside, and their number is printed with the reason; rows of a
    table without id, image or text are left out. Raises `InputError` if no paraphrase results.
    """
    target = OutputFile(out, inputs=[captions])
    verify_inputs({"captions": captions})
    frame = (
        read_table(captions, "captions")
        if captions.suffix == ".parquet"
        else read_caption_file(captions, strict=True).tables["captions"]
    )
    wanted = (
        frame.drop_nulls(["caption_id", "image_id", "text"])
        .sort("image_id", "caption_id")
        .select("caption_id", "image_id", "text")
    )
    faults: Faults = []
    wanted = legible_captions(wanted, captions, faults)
    iterator = progress(wanted.iter_rows(), what="paraphrases", total=wanted.height)
    made = table("paraphrases", rows(iterator, operators, seed=seed))
    if made.is_empty():
        raise InputError(
            f"no caption has a paraphrase by these operators{_reasons(faults)}",
            file=captions,
            record=", ".join(operators),
            remedy="give other captions, or more operators",
        )
    with target as partial:
        write_table(made, partial, "paraphrases")
    if faults:
        print(f"{len(faults)} captions were set aside{_reasons(faults)}")
    counted = dict(made["operator"].value_counts().iter_rows())
    return {operator: counted.get(operator, 0) for operator in operators}


def _reasons(faults: Faults) -> str:
    """Counts of the reasons, to be appended to a message; "" without any."""
    counts = Counter(fault.problem for fault, _ in faults)
    return "".join(f"; {reason} ({number})" for reason, number in sorted(counts.items()))
