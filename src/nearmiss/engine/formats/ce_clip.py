"""CE-CLIP's records (Zhang et al., CVPR 2024): NumPy object arrays of dictionaries, 50,000 per file.

A record is a caption with four slots for negatives, in this order: relation, adjective, noun, verb. An empty slot has
the text "###", and its entry of `valid_caption` (caption, relation, adjective, noun, verb) is 0. Such files are
pickles, which can execute code when they are opened. They are read as data (npy_objects.py), without the pickle module.
"""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.outputs import OutputFolder
from nearmiss.engine.formats.npy_objects import read_objects
from nearmiss.engine.formats.published import FileNames, Published, image_id, negatives, writable
from nearmiss.engine.formats.records import REMEDY
from nearmiss.engine.formats.safe_pickle import shown

EMPTY = "###"
SLOTS = ("relation", "adj", "noun", "verb")
_TYPES = {"relation": "relation", "adj": "attribute", "noun": "object", "verb": "action"}
_OPERATORS = {"relation": "swap", "adj": "replace", "noun": "replace", "verb": "replace"}
# Slots of our negatives, by concept; a swap uses the slot of CE-CLIP's own swap (our choice).
_SLOT_OF = {
    **dict.fromkeys(("relation", "location", "logic"), "relation"),
    **dict.fromkeys(("attribute", "color", "size", "shape", "pattern", "count"), "adj"),
    **dict.fromkeys(("object", "existence"), "noun"),
    "action": "verb",
}
_PER_FILE = 50_000
# The module name of NumPy 1: CE-CLIP's code runs under versions in which the name of NumPy 2 does not exist.
_PICKLE_PROTOCOL = 3
_MODULE, _MODULE_OF_NUMPY_1 = b"numpy._core.multiarray", b"numpy.core.multiarray"
_SOURCE_REMEDY = "give files written by CE-CLIP's generator or `nearmiss negatives convert`"


def read(path: Path) -> pl.DataFrame:
    """Table `negatives` of one .npy file or of a folder of them; a row for each valid slot.

    Raises InputError, with file and record, for a record that lacks a field, a `valid_caption` that is not five values
    0 or 1, a valid slot without text, and a file that is not an array of objects or contains other types than data.
    """
    path = Path(path)
    return negatives(_pairs(_files(path)), method="ce_clip", file=path)


def write(frame: pl.DataFrame, out: Path, names: FileNames) -> None:
    """Write table `negatives` as a folder of files processed_dataset{i}.npy.

    A caption with two negatives for one slot becomes two records. A record whose image id is not a number has
    `image_path`, which CE-CLIP's loader reads for images outside of COCO. Raises InputError for a negative without a
    slot.
    """
    records = [_record(number, key, slots, names) for number, (key, slots) in enumerate(_slotted(frame, out))]
    with OutputFolder(out) as partial:
        for index, start in enumerate(range(0, len(records), _PER_FILE)):
            part = records[start : start + _PER_FILE]
            array = np.empty(len(part), dtype=object)
            array[:] = part
            with (partial / f"processed_dataset{index}.npy").open("wb") as handle:
                header = {"descr": "|O", "fortran_order": False, "shape": array.shape}
                np.lib.format.write_array_header_1_0(handle, header)
                pickled = pickle.dumps(array, protocol=_PICKLE_PROTOCOL)
                handle.write(pickled.replace(_MODULE, _MODULE_OF_NUMPY_1, 1))  # the first name, before all records


def _slotted(frame: pl.DataFrame, out: Path) -> Iterator[tuple[tuple[str, str], dict[str, str]]]:
    """(image, caption) and the texts of its slots, once for each negative of its fullest slot."""
    captions: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in writable(frame, file=out):
        slots = captions.setdefault((row["image_id"], row["positive"]), {})
        slots.setdefault(_slot(row, out), []).append(row["negative"])
    for key, slots in captions.items():
        for turn in range(max(map(len, slots.values()))):
            yield key, {slot: texts[turn] for slot, texts in slots.items() if turn < len(texts)}


def _slot(row: dict[str, Any], out: Path) -> str:
    for slot, kind in _TYPES.items():
        if row["type"] == kind:
            return slot
    found = "relation" if row["operator"] == "swap" else _SLOT_OF.get(row["concept"])
    if found is None:
        raise InputError(
            f"a negative fits none of CE-CLIP's slots: type {row['type']}, concept {row['concept']}",
            file=out,
            record=row["negative_id"],
            remedy="leave it out, or give it a concept",
        )
    return found


def _record(number: int, key: tuple[str, str], slots: dict[str, str], names: FileNames) -> dict[str, Any]:
    image, caption = key
    numbered = image.isascii() and image.isdigit()
    record: dict[str, Any] = {"image_id": int(image) if numbered else image, "id": number, "caption": caption}
    record |= {f"{slot}_aug_caption": slots.get(slot, EMPTY) for slot in SLOTS}
    record["valid_caption"] = [1, *(int(slot in slots) for slot in SLOTS)]
    return record if numbered else {**record, "image_path": names(image)}


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    # by number: processed_dataset10 comes after processed_dataset2
    files = sorted(path.glob("*.npy"), key=lambda file: (len(file.name), file.name))
    if not files:
        raise InputError("the folder has no .npy file", file=path, remedy="give the folder of the published files")
    return files


def _pairs(files: list[Path]) -> Iterator[Published]:
    for file in files:
        for index, record in enumerate(read_objects(file, _SOURCE_REMEDY)):
            name = f"record {index}"
            if not isinstance(record, dict):
                raise InputError("a record is not a dictionary", file=file, record=name, remedy=REMEDY)
            image = _image(record, file, name)
            caption = _text(record, "caption", file, name)
            for slot, flag in zip(SLOTS, _valid(record, file, name)[1:], strict=True):
                if not flag:
                    continue
                yield Published(
                    pair_id=f"{file.stem}-{index}-{slot}",
                    image_id=image_id(image),
                    kind=_TYPES[slot],
                    positive=caption,
                    negative=_text(record, f"{slot}_aug_caption", file, name),
                    concept=_TYPES[slot],
                    operator=_OPERATORS[slot],
                )


def _image(record: dict[Any, Any], file: Path, name: str) -> str:
    key = "image_path" if "image_path" in record else "image_id"
    value = _member(record, key, file, name)
    if type(value) is int:
        return str(value)
    return _text(record, key, file, name)


def _valid(record: dict[Any, Any], file: Path, name: str) -> list[int]:
    """The flags of the caption and its slots, as a list or an array of numbers."""
    value = _member(record, "valid_caption", file, name)
    five = isinstance(value, list | tuple) and len(value) == len(SLOTS) + 1
    if not five or not all(isinstance(flag, int | float) and flag in (0, 1) for flag in value):
        raise InputError(
            f"'valid_caption' is not five values 0 or 1: {shown(value)}", file=file, record=name, remedy=REMEDY
        )
    return [int(flag) for flag in value]


def _text(record: dict[Any, Any], key: str, file: Path, name: str) -> str:
    """A string that is not blank and can be encoded as UTF-8, which excludes lone surrogates."""
    value = _member(record, key, file, name)
    if not isinstance(value, str) or not value.strip() or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InputError(f"'{key}' of a record is not a string: {shown(value)}", file=file, record=name, remedy=REMEDY)
    return value


def _member(record: dict[Any, Any], key: str, file: Path, name: str) -> Any:
    if key not in record:
        raise InputError(f"a record lacks '{key}'", file=file, record=name, remedy=REMEDY)
    return record[key]
