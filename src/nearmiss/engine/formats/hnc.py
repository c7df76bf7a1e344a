"""HNC's files (Dönmez et al., CoNLL 2023): JSON objects image id -> {"captions": {caption id -> caption}}.

A caption has `caption`, `label` (1 true, 0 false), `type` and, if it is false, `cpt_p_id`: the id of its positive,
an integer, whereas the keys are strings. Several negatives may share a positive. Fields without a column in table
`negatives` (boxes) are written as null; `ambiguity` and `noisy` are written as not ambiguous and not noisy.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json
from nearmiss.engine.formats.published import Published, negatives, text, writable
from nearmiss.engine.formats.records import REMEDY, field


def read(path: Path) -> pl.DataFrame:
    """Table `negatives`: every false caption with its positive, in the file's order.

    Raises InputError, with image and caption, for a record that lacks a field, a label that is neither 0 nor 1, and a
    negative whose positive is missing or is itself false.
    """
    path = Path(path)
    document = read_json(path)
    if not isinstance(document, dict):
        raise InputError("the file is not a JSON object of images", file=path, remedy=REMEDY)
    return negatives(_pairs(document, path), method="hnc", file=path)


def write(frame: pl.DataFrame, out: Path) -> None:
    """Write table `negatives`; a positive is written once for its image and type, before its negatives."""
    images: dict[str, dict[str, Any]] = {}
    positives: dict[tuple[str, str, str], int] = {}
    for row in writable(frame, file=out):
        captions = images.setdefault(row["image_id"], {"captions": {}})["captions"]
        key = (row["image_id"], row["type"], row["positive"])
        old, new = (" ".join(edit[side] for edit in row["edits"] or []).strip() for side in ("old", "new"))
        if key not in positives:
            positives[key] = len(captions)
            captions[str(len(captions))] = _record(row["positive"], 1, row["type"], old, None, None)
        negative = _record(row["negative"], 0, row["type"], new, [old, new], positives[key])
        captions[str(len(captions))] = negative
    write_json(out, images)


def _record(
    caption: str, label: int, kind: str, differs: str, replaced: list[str] | None, positive: int | None
) -> dict[str, Any]:
    return {
        "caption": caption,
        "label": label,
        "type": kind,
        "textual_label": differs or None,
        "bboxes": None,
        "ambiguity": {"ambiguous": False, "count": 0},
        "noisy": False,
        "replaced": replaced,
        "cpt_p_id": positive,
    }


def _pairs(document: dict[str, Any], path: Path) -> Iterator[Published]:
    for image, entry in document.items():
        captions = field(entry, "captions", dict, file=path, name=f"image {image}")
        labels = {
            number: _label(record, path, f"image {image}, caption {number}") for number, record in captions.items()
        }
        for number in (number for number, label in labels.items() if label == 0):
            record, name = captions[number], f"image {image}, caption {number}"
            positive = str(field(record, "cpt_p_id", int, file=path, name=name))
            if labels.get(positive) != 1:
                raise InputError(
                    f"its positive, caption {positive}, is missing or false",
                    file=path,
                    record=name,
                    remedy=REMEDY,
                )
            whole = f"image {image}, caption {positive}"
            yield Published(
                pair_id=f"{image}-{number}",
                image_id=image,
                kind=field(record, "type", str, file=path, name=name),
                positive=text(captions[positive].get("caption"), "caption", file=path, name=whole),
                negative=text(record.get("caption"), "caption", file=path, name=name),
                caption_id=f"{image}-{positive}",
            )


def _label(record: Any, path: Path, name: str) -> int:
    label: int = field(record, "label", int, file=path, name=name)
    if label not in (0, 1):
        raise InputError(f"a label is {label}, not 0 or 1", file=path, record=name, remedy=REMEDY)
    return label
