"""Lists of images and captions as CSV, TSV or JSON Lines, with configurable column names.

The first line of CSV and TSV has the column names. A line of JSON Lines is an object, whose caption may be a list. The
suffix determines the separator: a comma for .csv, a tab for .tsv and .txt.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.engine.formats.set_aside import Fault, Faults, printable

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
_JSON = (".jsonl", ".ndjson")
SUFFIXES = (*_SEPARATORS, *_JSON)
_COLUMNS = 12  # in a message


@dataclass
class CaptionList:
    """Captions of each image by its file, in the order of the file, and the split of each image."""

    captions: dict[str, list[str]]
    splits: dict[str, str]
    faults: Faults


def read_caption_list(
    path: Path, *, image_key: str, caption_key: str, split_key: str | None, separator: str | None
) -> CaptionList:
    """The captions of a list. A row without an image, a caption or a split is set aside.

    Raises `InputError` if a column is missing or the file is malformed.
    """
    found = CaptionList({}, {}, Faults(path))
    keys = {"image_key": image_key, "caption_key": caption_key} | ({"split_key": split_key} if split_key else {})
    rows = _json_rows(path, keys) if path.suffix in _JSON else _csv_rows(path, keys, separator)
    for name, row in rows:
        file, given = _text(row.get(image_key)), row.get(caption_key)
        texts = [_text(each) for each in (given if isinstance(given, list) else [given])]
        split = _text(row.get(split_key)) if split_key else ""
        flaw = _flaw(file, texts, split, split_key)
        if flaw is not None:
            found.faults.append(Fault(name, flaw, printable(file) if file else None))
        elif split_key and found.splits.setdefault(str(file), str(split)) != split:
            found.faults.append(Fault(name, "its image is in another split as well", file))
        else:
            found.captions.setdefault(str(file), []).extend(str(text).strip() for text in texts)
    return found


def _flaw(file: str | None, texts: list[str | None], split: str | None, split_key: str | None) -> str | None:
    """Why a row cannot be used."""
    if not file or not file.strip():
        return "a row has no image"
    if any(printable(text) != text for text in (file, *(text or "" for text in texts))):
        return "its text is not UTF-8"
    if not texts or not all(text and text.strip() for text in texts):
        return "a caption is empty"
    return "its split is empty" if split_key and not split else None


def _csv_rows(path: Path, keys: dict[str, str], separator: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    separator = separator or _SEPARATORS.get(path.suffix, ",")
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as handle:
        reader = csv.DictReader(handle, delimiter=separator)
        try:
            columns = [str(column) for column in reader.fieldnames or ()]
            _require(columns, keys, path)
            for row in reader:
                yield f"line {reader.line_num}", row
        except csv.Error as error:
            raise InputError(
                f"malformed CSV: {error}",
                file=path,
                record=f"line {reader.line_num}",
                remedy="correct the line, or set data.source.separator",
            ) from None


def _json_rows(path: Path, keys: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as handle:
        first = True
        for number, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(
                    f"malformed JSON: {error}", file=path, record=f"line {number}", remedy="write one object per line"
                ) from None
            if not isinstance(row, dict):
                raise InputError(
                    "a line is not an object", file=path, record=f"line {number}", remedy="write one object per line"
                )
            if first:
                _require(list(row), keys, path)
                first = False
            yield f"line {number}", row
        if first:
            raise InputError("the file is empty", file=path, remedy="give a file with one object per line")


def _require(columns: list[str], keys: dict[str, str], path: Path) -> None:
    """Refuse a file that lacks a column."""
    for key, column in keys.items():
        if column not in columns:
            listed = ", ".join(printable(each) for each in columns[:_COLUMNS]) or "none"
            raise InputError(
                f"the file has no column '{column}'; its columns are: {listed}",
                file=path,
                record=f"data.source.{key}",
                remedy="name one of its columns" + (", or set data.source.separator" if len(columns) == 1 else ""),
            )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
