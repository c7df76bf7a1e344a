"""VL-CheckList's files (Zhao et al., 2022): lists of [image, {"POS": [phrases], "NEG": [phrases]}]. Read only.

Files lie in folders Attribute, Object and Relation; the folder gives the concept, the path the type. The first phrase
of each list is used, as by the authors.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.engine.formats import stream
from nearmiss.engine.formats.published import Published, image_id, negatives, text
from nearmiss.engine.formats.records import REMEDY, shown

_CONCEPTS = {"Attribute": "attribute", "Object": "object", "Relation": "relation"}


def read(path: Path) -> pl.DataFrame:
    """Table `negatives` of one file, or of all .json files in a folder and below.

    Raises InputError, with file and record, for a record of another form or with an empty phrase.
    """
    path = Path(path)
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files:
        raise InputError("the folder has no .json file", file=path, remedy="give the folder of the published files")
    return negatives(_pairs(files, path if path.is_dir() else path.parent), method="vl_checklist", file=path)


def _pairs(files: list[Path], folder: Path) -> Iterator[Published]:
    for file in files:
        kind = file.relative_to(folder).with_suffix("").as_posix()
        concept = next((_CONCEPTS[part] for part in file.parts if part in _CONCEPTS), None)
        for number, record in enumerate(stream.elements(file)):
            name = f"record {number}"
            if not _is_pair(record):
                problem = f"a record is not an image with lists POS and NEG: {shown(record)}"
                raise InputError(problem, file=file, record=name, remedy=REMEDY)
            image, phrases = record
            yield Published(
                pair_id=f"{kind}-{number}",
                image_id=image_id(image),
                kind=kind,
                positive=text(phrases["POS"][0], "POS", file=file, name=name).strip(),
                negative=text(phrases["NEG"][0], "NEG", file=file, name=name).strip(),
                concept=concept,
                operator="replace",
            )


def _is_pair(record: Any) -> bool:
    if not (isinstance(record, list) and len(record) == 2 and isinstance(record[0], str)):
        return False
    return isinstance(record[1], dict) and all(
        isinstance(record[1].get(key), list) and record[1][key] for key in ("POS", "NEG")
    )
