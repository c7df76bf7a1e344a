"""SugarCrepe++'s files (Dumpala et al., NeurIPS 2024 D&B): two captions of one meaning and a negative. Read only.

Each of the two captions forms a pair with the negative, so that an audit sees every true text.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from nearmiss.engine.formats import stream
from nearmiss.engine.formats.published import Published, image_id, negatives, text
from nearmiss.engine.formats.records import field
from nearmiss.engine.formats.sugarcrepe import json_files

_CONCEPTS = {"obj": "object", "att": "attribute", "atr": "attribute", "rel": "relation"}


def read(path: Path) -> pl.DataFrame:
    """Table `negatives` of one file, or of every .json file of a folder: two pairs for each record.

    Raises InputError, with file and record, for a record that lacks a field or has an empty text.
    """
    path = Path(path)
    return negatives(_pairs(json_files(path)), method="sugarcrepe_pp", file=path)


def _pairs(files: list[Path]) -> Iterator[Published]:
    for file in files:
        operator, _, about = file.stem.partition("_")
        for number, record in enumerate(stream.elements(file)):
            name = f"record {number}"
            image = image_id(field(record, "filename", str, file=file, name=name))
            negative = text(record.get("negative_caption"), "negative_caption", file=file, name=name)
            for key in ("caption", "caption2"):
                yield Published(
                    pair_id=f"{file.stem}-{number}-{key}",
                    image_id=image,
                    kind=file.stem,
                    positive=text(record.get(key), key, file=file, name=name),
                    negative=negative,
                    concept=_CONCEPTS.get(about[:3]),
                    operator=operator if operator in ("replace", "swap") else None,
                )
