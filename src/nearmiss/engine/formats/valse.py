"""VALSE's files (Parcalabescu et al., ACL 2022): JSON objects id -> item with a caption and its negative. Read only.

Only the valid subset is read, as in the paper: items whose caption at least two of three annotators preferred
(`mturk.caption` of 2 or more). Each file has one instrument as its name.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from nearmiss.engine.formats.published import Published, image_id, negatives, text
from nearmiss.engine.formats.records import field
from nearmiss.engine.formats.sugarcrepe import json_files, records

AGREED = 2
# Concept and operator of an instrument, by the beginning of the file's name (our reading of the paper).
KINDS = {
    "existence": ("existence", "negate"),
    "plurals": ("count", "recount"),
    "counting": ("count", "recount"),
    "relations": ("location", "replace"),
    "action-replacement": ("action", "replace"),
    "actant-swap": ("relation", "swap"),
    "foil-it": ("object", "replace"),
}


def read(path: Path) -> pl.DataFrame:
    """Table `negatives` of the valid items of one file, or of every .json file of a folder.

    Raises InputError, with file and id, for an item that lacks caption, negative, image_file or mturk.
    """
    path = Path(path)
    return negatives(_pairs(json_files(path)), method="valse", file=path)


def _pairs(files: list[Path]) -> Iterator[Published]:
    for file in files:
        concept, operator = next((kind for start, kind in KINDS.items() if file.stem.startswith(start)), (None, None))
        for number, item in records(file):
            name = f"id {number}"
            votes = field(item, "mturk", dict, file=file, name=name)
            if field(votes, "caption", int, file=file, name=name) < AGREED:
                continue
            yield Published(
                pair_id=f"{file.stem}-{number}",
                image_id=image_id(field(item, "image_file", str, file=file, name=name)),
                kind=file.stem,
                positive=text(item.get("caption"), "caption", file=file, name=name),
                negative=text(item.get("foil"), "foil", file=file, name=name),
                concept=concept,
                operator=operator,
            )
