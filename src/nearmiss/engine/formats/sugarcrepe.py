"""SugarCrepe's files (Hsieh et al., NeurIPS 2023 D&B): JSON objects id -> {filename, caption, negative_caption}.

Each file has one type of negative as its name: an operator and a shortened concept, such as replace_obj, swap_att,
add_obj. Written ids count from 0 in each file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json
from nearmiss.base.outputs import OutputFolder
from nearmiss.engine.formats.published import FileNames, Published, image_id, negatives, text, writable
from nearmiss.engine.formats.records import REMEDY, field

CONCEPTS = {"obj": "object", "att": "attribute", "rel": "relation"}
OPERATORS = ("replace", "swap", "add")


def read(path: Path) -> pl.DataFrame:
    """Table `negatives` of one file, or of every .json file of a folder, sorted by name.

    Raises InputError, with file and id, for a record that lacks a field or has an empty text.
    """
    path = Path(path)
    return negatives(_pairs(json_files(path)), method="sugarcrepe", file=path)


def write(frame: pl.DataFrame, out: Path, names: FileNames) -> None:
    """Write table `negatives` as a folder with a file for each of its types; rows keep their order.

    Raises InputError if two types would become one file.
    """
    files: dict[str, dict[str, Any]] = {}
    kinds: dict[str, str] = {}
    for row in writable(frame, file=out):
        kind = row["type"] or "negatives"
        name = kind.replace("/", "_")
        if kinds.setdefault(name, kind) != kind:
            raise InputError(
                f"two types would become one file, {name}.json",
                file=out,
                record=f"'{kinds[name]}' and '{kind}'",
                remedy="rename one of the types",
            )
        records = files.setdefault(name, {})
        records[str(len(records))] = {
            "filename": names(row["image_id"]),
            "caption": row["positive"],
            "negative_caption": row["negative"],
        }
    with OutputFolder(out) as partial:
        for name, records in files.items():
            write_json(partial / f"{name}.json", records)


def json_files(path: Path) -> list[Path]:
    """The file itself, or the .json files of a folder, sorted. Raises InputError if a folder has none."""
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("*.json"))
    if not files:
        raise InputError("the folder has no .json file", file=path, remedy="give the folder of the published files")
    return files


def _pairs(files: list[Path]) -> Iterator[Published]:
    for file in files:
        operator, _, about = file.stem.partition("_")
        for number, record in records(file):
            name = f"id {number}"
            yield Published(
                pair_id=f"{file.stem}-{number}",
                image_id=image_id(field(record, "filename", str, file=file, name=name)),
                kind=file.stem,
                positive=text(record.get("caption"), "caption", file=file, name=name),
                negative=text(record.get("negative_caption"), "negative_caption", file=file, name=name),
                concept=CONCEPTS.get(about),
                operator=operator if operator in OPERATORS else None,
            )


def records(file: Path) -> Iterator[tuple[str, Any]]:
    """The records of a JSON object, with their ids, in the file's order."""
    document = read_json(file)
    if not isinstance(document, dict):
        raise InputError("the file is not a JSON object of records", file=file, remedy=REMEDY)
    yield from document.items()
