"""Captions of any recognized format (recognition.py) as the tables `images` and `captions`.

The id of an image is COCO's number if its file has a name of COCO, in any year, else the name of the file or the id
that the record gives. Captions are numbered within their image, in the order of the file.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.engine.formats import coco, karpathy, stream
from nearmiss.engine.formats.published import image_id
from nearmiss.engine.formats.recognition import ADDRESS, TOKEN_LINE, Format, require
from nearmiss.engine.formats.set_aside import Fault, Faults, Reading, Rows, printable

_Row = tuple[str, Any, Any] | Fault
"""Record, image and captions of a record, or why it cannot be read."""


def read_caption_file(path: Path, *, strict: bool = False) -> Reading:
    """Tables `images` and `captions` of a file of captions, whatever its format.

    A record of another shape than the first one is set aside, with its fields; `strict` raises `InputError` for it.
    Raises `InputError` for a file of another kind (with the option that reads it) and for one that is not recognized.
    """
    path = Path(path)
    found = require(path, "captions")
    if found.key == "coco":
        return coco.read_captions(path, strict=strict)
    return _tables(_rows(path, found), found, Faults(path, strict=strict))


def _rows(path: Path, found: Format) -> Iterator[_Row]:
    """The records of a file."""
    if found.key == "karpathy":
        images, faults = karpathy.read_images(path)
        yield from faults
        yield from ((image.record, image.file, [each.text for each in image.sentences]) for image in images)
    elif found.key == "regions":
        yield from _regions(path)
    elif found.key == "flickr":
        yield from _tokens(path)
    elif found.key == "cc3m":
        yield from _addresses(path)
    else:
        yield from _columns(_records(path, found.key), found)


def _tables(rows: Iterator[_Row], found: Format, faults: Faults) -> Reading:
    images, captions = Rows("images", recorded=False), Rows("captions", recorded=False)
    numbers: dict[str, int] = {}
    for row in rows:
        if isinstance(row, Fault):
            faults.append(row)
            continue
        record, image, given = row
        name = str(image) if isinstance(image, str | int) and not isinstance(image, bool) else ""
        texts = given if isinstance(given, list) else [given]
        flaw = _flaw(name, texts)
        if flaw is not None:
            faults.append(Fault(record, f"{flaw} (the file is read as {found.title})", printable(name) or None))
            continue
        identity = image_id(name)
        if identity not in numbers:
            numbers[identity] = 0
            images.add(identity, name, None, None, "train", found.key)
        for text in texts:
            captions.add(f"{identity}-{numbers[identity]}", identity, text.strip(), None, "published")
            numbers[identity] += 1
    return Reading({"images": images.frame(), "captions": captions.frame()}, faults)


def _flaw(name: str, texts: list[Any]) -> str | None:
    """Why a record cannot be used."""
    if not name.strip():
        return "a record has no image"
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        return "a caption is empty or no text"
    if any(printable(text) != text for text in (name, *texts)):
        return "its text is not UTF-8"
    return None


def _columns(records: Iterator[tuple[str, Any]], found: Format) -> Iterator[_Row]:
    """Records with named fields. One with other fields than the first is named with them."""
    assert found.columns is not None
    image, caption = found.columns
    for name, record in records:
        if isinstance(record, Fault):
            yield record
        elif not isinstance(record, dict):
            yield Fault(name, f"the record is no object (the file is read as {found.title})")
        elif image not in record or caption not in record:
            fields = ", ".join(printable(str(each)) for each in list(record)[:12]) or "none"
            yield Fault(name, f"the record lacks '{image}' or '{caption}', its fields are: {fields}; mixed records?")
        else:
            given = record[caption]
            if isinstance(given, list):
                given = [each.get("raw") if isinstance(each, dict) else each for each in given]
            yield name, record[image], given


def _records(path: Path, key: str) -> Iterator[tuple[str, Any]]:
    """(name, record) of lists, JSON Lines, CSV and TSV."""
    if key == "blip":
        yield from ((f"record {number}", record) for number, record in enumerate(stream.elements(path)))
    elif key == "jsonl":
        for number, line in _lines(path):
            try:
                yield f"line {number}", json.loads(line)
            except (ValueError, RecursionError) as error:
                yield f"line {number}", Fault(f"line {number}", f"malformed JSON: {error}")
    elif key == "tsv":
        yield from _tsv(path)
    else:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as handle:
            reader = csv.DictReader(handle, restkey=None, restval=None)
            try:
                for row in reader:
                    where = f"line {reader.line_num}"
                    yield where, _of_other_width(where, len(row) - 1, ",") if None in row else row
            except csv.Error as error:
                raise InputError(
                    f"malformed CSV: {error}", file=path, record=f"line {reader.line_num}", remedy="correct the line"
                ) from None


def _tsv(path: Path) -> Iterator[tuple[str, Any]]:
    """Lines of a TSV with a header. Quotes are text, unless they enclose a field as spreadsheets write it."""
    lines = _lines(path)
    header = [name.strip() for name in next(lines)[1].split("\t")]
    for number, line in lines:
        cells, where = [_unquoted(cell) for cell in line.split("\t")], f"line {number}"
        wrong = len(cells) != len(header)
        yield where, _of_other_width(where, len(header), "\t") if wrong else dict(zip(header, cells, strict=True))


def _unquoted(cell: str) -> str:
    """A field without the quotes that enclose it; quotes inside of one are doubled."""
    if len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1].replace('""', ""):
        return cell[1:-1].replace('""', '"')
    return cell


def _of_other_width(where: str, expected: int, separator: str) -> Fault:
    name = {",": "a comma outside of quotes", "\t": "a tab inside of a caption"}[separator]
    return Fault(where, f"the line has not {expected} fields: {name} or a missing field; correct the line")


def _tokens(path: Path) -> Iterator[_Row]:
    """Lines of a Flickr token file: quotes are text, a further tab is a fault."""
    for number, line in _lines(path):
        match = TOKEN_LINE.fullmatch(line)
        where = f"line {number}"
        if match is None:
            yield Fault(where, "the line is not FILE#NUMBER, a tab and a caption; correct the line")
        elif "\t" in match[2]:
            yield _of_other_width(where, 2, "\t")
        else:
            yield where, match[1], match[2]


def _addresses(path: Path) -> Iterator[_Row]:
    """Lines of CC3M's files (caption, address) and CC12M's (address, caption). The address is the image's id."""
    for number, line in _lines(path):
        cells, where = line.split("\t"), f"line {number}"
        if len(cells) != 2:
            yield _of_other_width(where, 2, "\t")
        else:
            address, caption = cells if cells[0].startswith(ADDRESS) else cells[::-1]
            yield where, address.strip(), _unquoted(caption)


def _regions(path: Path) -> Iterator[_Row]:
    """Phrases of Visual Genome's region descriptions, those of one image together."""
    for number, record in enumerate(stream.elements(path)):
        regions = record.get("regions") if isinstance(record, dict) else None
        if not isinstance(regions, list):
            yield Fault(f"entry {number}", "the entry has no list 'regions'; mixed records?")
            continue
        phrases = [each.get("phrase") for each in regions if isinstance(each, dict)]
        yield f"entry {number}", record.get("id", record.get("image_id")), phrases


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of the lines that are not blank."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="\n") as handle:
        for number, line in enumerate(handle, start=1):
            if line.strip():
                yield number, line.rstrip("\r\n")
