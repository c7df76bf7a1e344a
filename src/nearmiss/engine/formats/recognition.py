"""Tells the format of an annotation file by its first record, so that messages can name it and readers be chosen.

Files of one format have many names and endings in practice; only what the first record holds decides. Nothing is read
beyond it.
"""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from nearmiss.base.errors import InputError
from nearmiss.engine.formats import stream

Kind = Literal["captions", "graphs", "instances", "pairs"]

TOKEN_LINE = re.compile(r"([^\t]+)#\d+\t(.*)")
"""A line of Flickr's token files: file, number of the caption, caption."""
ADDRESS = ("http://", "https://")
IMAGE_COLUMNS = (
    "image",
    "image_id",
    "img_id",
    "file_name",
    "filename",
    "filepath",
    "file",
    "image_path",
    "img_path",
    "url",
)
CAPTION_COLUMNS = ("caption", "captions", "text", "title", "sentence", "sentences", "raw", "description")
_LINES, _TEXT = (".jsonl", ".ndjson"), (".csv", ".tsv", ".txt", ".token")
_USUAL = {"captions": "coco", "graphs": "gqa", "instances": "instances"}
_RECORDS = 1000  # of unknown form, after which a JSON object counts as not recognized
_PEEK = 1 << 16  # characters of the first line that are looked at


@dataclass(frozen=True)
class Format:
    """A format: its name in messages, what a file of it holds, and its name for `--format` if it is one of pairs."""

    key: str
    title: str
    kind: Kind
    columns: tuple[str, str] | None = None
    """Of a table: the columns of images and of captions."""

    @property
    def option(self) -> str:
        """How a command is given such a file."""
        if self.kind == "pairs":
            return f"negatives audit or convert, --pairs with --format {self.key}"
        return f"negatives make --{self.kind}"


FORMATS = {
    each.key: each
    for each in (
        Format("coco", "COCO's captions", "captions"),
        Format("instances", "COCO's instances", "instances"),
        Format("karpathy", "one of Karpathy's dataset_*.json", "captions"),
        Format("blip", "a list of images and captions as BLIP's and Karpathy's split lists", "captions"),
        Format("flickr", "a token file as Flickr8k's and Flickr30k's", "captions"),
        Format("cc3m", "a TSV of captions and addresses as CC3M's", "captions"),
        Format("csv", "a CSV with named columns", "captions"),
        Format("tsv", "a TSV with named columns", "captions"),
        Format("jsonl", "JSON Lines of images and captions", "captions"),
        Format("regions", "Visual Genome's region descriptions", "captions"),
        Format("factual", "FACTUAL's CSV of captions and scene graphs", "captions"),
        Format("gqa", "GQA's scene graphs", "graphs"),
        Format("visual_genome", "Visual Genome's scene graphs", "graphs"),
        Format("sugarcrepe", "one of SugarCrepe's files", "pairs"),
        Format("sugarcrepe_pp", "one of SugarCrepe++'s files", "pairs"),
        Format("vl_checklist", "one of VL-CheckList's files", "pairs"),
        Format("valse", "one of VALSE's files", "pairs"),
        Format("hnc", "HNC's captions", "pairs"),
        Format("negclip", "NegCLIP's TSV", "pairs"),
    )
}


def recognize(path: Path) -> Format:
    """The format of a file.

    Raises `InputError` if it is missing, malformed, of none of the formats, or if two of its columns may be the one
    with the images or with the captions.
    """
    found = _recognized(Path(path))
    if found is None:
        raise _unknown(path, "a JSON object")
    return found


def recognized(path: Path) -> Format | None:
    """The format of a file; None for a missing, malformed or unknown one, which its reader names better."""
    try:
        return _recognized(Path(path))
    except InputError:
        return None


def require(path: Path, kind: Kind) -> Format:
    """The format of a file that must hold captions, graphs, instances or pairs; raises `InputError` as `recognize`.

    A JSON object that is not recognized is left to the reader of the usual format, which names what it lacks.
    """
    path = Path(path)
    usual = _USUAL.get(kind)
    found = _recognized(path) or (FORMATS[usual] if usual else None)
    if found is None:
        raise _unknown(path, "a JSON object")
    if found.kind != kind:
        raise InputError(
            f"this is {found.title}, which holds {found.kind}, not {kind}",
            file=path,
            record="the first record",
            remedy=f"give it to: {found.option}",
        )
    return found


def _recognized(path: Path) -> Format | None:
    """The format; None for a JSON object of none of them."""
    if path.suffix in _LINES:
        return _of_columns("jsonl", _first_object(path), path)
    first = next(_lines(path), "").lstrip()[:1]
    if first == "[":
        return _of_list(next(iter(stream.elements(path)), None), path)
    if first == "{" and path.suffix not in _TEXT:
        lines = path.suffix != ".json" and _is_lines(path)
        return _of_columns("jsonl", _first_object(path), path) if lines else _of_document(path)
    if path.suffix == ".json":
        next(stream.entries(path), None)  # raises: malformed
    return _of_text(path)


def _of_document(path: Path) -> Format | None:
    """The format of a file that is one JSON object: of its lists, or of the records that its ids map to."""
    lists = ("images", "annotations", "categories")
    others = 0
    for key, value in stream.entries(path, lists):
        keys = set(value) if isinstance(value, dict) else set()
        if key == "images" and "sentences" in keys:
            return FORMATS["karpathy"]
        if key == "annotations" and "caption" in keys:
            return FORMATS["coco"]
        if key != "images" and key in lists and keys & {"bbox", "segmentation", "supercategory"}:
            return FORMATS["instances"]
        if key not in lists and (found := _of_entry(keys)) is not None:
            return FORMATS[found]
        others += key not in lists
        if others > _RECORDS:
            break
    return None


def _of_entry(keys: set[str]) -> str | None:
    """The format of a file whose object maps ids to records with these keys."""
    if {"caption", "negative_caption"} <= keys:
        return "sugarcrepe_pp" if "caption2" in keys else "sugarcrepe"
    if {"caption", "foil"} <= keys:
        return "valse"
    if "captions" in keys:
        return "hnc"
    return "gqa" if "objects" in keys else None


def _of_list(record: Any, path: Path) -> Format:
    """The format of a file that is one JSON list, by its first element."""
    if (
        isinstance(record, list)
        and len(record) == 2
        and isinstance(record[1], dict)
        and {"POS", "NEG"} <= set(record[1])
    ):
        return FORMATS["vl_checklist"]
    keys = set(record) if isinstance(record, dict) else set()
    if {"caption", "negative_caption"} <= keys:
        return FORMATS["sugarcrepe_pp" if "caption2" in keys else "sugarcrepe"]
    if keys & {"relationships", "objects", "attributes"} and keys & {"image_id", "id"}:
        return FORMATS["visual_genome"]
    if "regions" in keys:
        return FORMATS["regions"]
    if isinstance(record, dict):
        return _of_columns("blip", record, path)
    raise _unknown(
        path, "an empty JSON list" if record is None else f"a JSON list whose first element is {str(record)[:60]!r}"
    )


def _of_text(path: Path) -> Format:
    """The format of a text file, by its first line."""
    line = next(_lines(path), "")
    cells = [cell.strip() for cell in line.split("\t")]
    if TOKEN_LINE.fullmatch(line):
        return FORMATS["flickr"]
    if {"title", "filepath", "neg_caption"} <= set(cells):
        return FORMATS["negclip"]
    if len(cells) == 2 and any(cell.startswith(ADDRESS) for cell in cells):
        return FORMATS["cc3m"]
    if len(cells) > 1:
        return _of_columns("tsv", dict.fromkeys(cells), path)
    names = next(csv.reader([line]), [])
    if "scene_graph" in names:
        return _of_columns("factual", dict.fromkeys(names), path)
    if len(names) > 1:
        return _of_columns("csv", dict.fromkeys(names), path)
    raise _unknown(path, f"text that begins with {line[:60]!r}" if line else "an empty file")


def _of_columns(key: str, record: dict[str, Any], path: Path) -> Format:
    """A format whose columns are found by their names. Raises `InputError` where none fits, or two do."""
    image = _column(record, IMAGE_COLUMNS, "images", path)
    caption = _column(record, CAPTION_COLUMNS, "captions", path)
    return Format(key, FORMATS[key].title, "captions", (image, caption))


def _column(record: dict[str, Any], known: tuple[str, ...], what: str, path: Path) -> str:
    fit = [name for name in record if name.strip().lower() in known]
    if what == "images":  # a file says more than an id, and an id more than an address
        named = [name for name in fit if name.lower() not in ("image_id", "img_id", "url")]
        fit = named or [name for name in fit if name.lower() != "url"] or fit
    if len(fit) == 1:
        return fit[0]
    listed = ", ".join(map(repr, list(record)[:12])) or "none"
    if fit:
        raise InputError(
            f"two columns may hold the {what}: {' and '.join(map(repr, fit))}",
            file=path,
            record=f"columns {listed}",
            remedy=f"rename or remove all but one of them; {known[0]!r} is understood",
        )
    raise InputError(
        f"no column with {what} is recognized; the columns are: {listed}",
        file=path,
        record="the first record",
        remedy=f"name the column {known[0]!r}; understood are: {', '.join(known)}",
    )


def _unknown(path: Path, guess: str) -> InputError:
    listed = "; ".join(each.title for each in FORMATS.values())
    return InputError(
        f"the format of the file is not recognized: it is {guess}", file=path, remedy=f"give one of these: {listed}"
    )


def _lines(path: Path) -> Iterator[str]:
    """The lines that are not blank, each at most `_PEEK` characters long."""
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="\n") as handle:
            while line := handle.readline(_PEEK):
                if line.strip():
                    yield line.rstrip("\r\n")
    except FileNotFoundError:
        raise InputError("a file is missing", file=path, remedy="correct the path") from None
    except IsADirectoryError:
        raise InputError("a folder is not an annotation file", file=path, remedy="give the file") from None


def _is_lines(path: Path) -> bool:
    """Whether the first two lines are objects of their own."""
    first = list(islice(_lines(path), 2))
    try:
        return all(isinstance(json.loads(line), dict) for line in first)
    except (ValueError, RecursionError):
        return False


def _first_object(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(next(_lines(path), ""))
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"the first line is not JSON: {error}", file=path, record="line 1", remedy="write one object per line"
        ) from None
    if not isinstance(record, dict):
        raise InputError("the first line is no object", file=path, record="line 1", remedy="write one object per line")
    return record
