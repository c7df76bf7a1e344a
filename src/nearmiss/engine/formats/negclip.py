"""NegCLIP's training files (Yuksekgonul et al., ICLR 2023): tab-separated, one row per caption.

Columns: an index without a name, title (the caption), filepath, neg_caption (a Python list literal of negatives) and
neg_image (a Python list literal of rows with similar images). NegCLIP mines neg_image with an image encoder. Here,
written rows list three rows of other images, sampled with the seed (our choice), and readers ignore the column.
"""

import ast
import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_text
from nearmiss.base.seeding import rng
from nearmiss.engine.formats.published import FileNames, Published, image_id, negatives, text, writable
from nearmiss.engine.formats.records import REMEDY

COLUMNS = ("title", "filepath", "neg_caption")
TYPE = "swap"
_IMAGES = 3  # entries of neg_image, as in the published files
_TRIES = 20


def read(path: Path) -> pl.DataFrame:
    """Table `negatives`, a row for each negative of each caption.

    Raises InputError, with the row (the first below the header is row 0), for a missing column, an empty title, and a
    neg_caption that is not a list of strings. Rows without negatives are skipped.
    """
    path = Path(path)
    return negatives(_pairs(path), method="negclip", file=path)


def write(frame: pl.DataFrame, out: Path, names: FileNames, *, seed: int = 0) -> None:
    """Write table `negatives`, the negatives of one caption together in one row, rows in the order of captions."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for row in writable(frame, file=out):
        grouped.setdefault((row["image_id"], row["positive"]), []).append(row["negative"])
    images = [image for image, _ in grouped]
    lines = io.StringIO()
    writer = csv.writer(lines, delimiter="\t", lineterminator="\n")
    writer.writerow(["", "title", "filepath", "neg_caption", "neg_image"])
    for index, ((image, positive), found) in enumerate(grouped.items()):
        writer.writerow([index, positive, names(image), repr(found), repr(_others(images, index, seed))])
    write_text(out, lines.getvalue())


def _others(images: Sequence[str], index: int, seed: int) -> list[int]:
    """Up to three rows of other images than this row's; empty if all rows share one image."""
    random = rng(seed, "negclip neg_image", images[index], index)
    drawn = (random.randrange(len(images)) for _ in range(_TRIES))
    return list(dict.fromkeys(other for other in drawn if images[other] != images[index]))[:_IMAGES]


def _pairs(path: Path) -> Iterator[Published]:
    for index, row in enumerate(_rows(path)):
        name = f"row {index}"
        title = text(row["title"], "title", file=path, name=name)
        image = image_id(text(row["filepath"], "filepath", file=path, name=name))
        for number, negative in enumerate(_list(row["neg_caption"], path, name)):
            yield Published(
                pair_id=f"{index}-{number}",
                image_id=image,
                kind=TYPE,
                positive=title,
                negative=text(negative, "neg_caption", file=path, name=name),
                operator="swap",
                caption_id=str(index),
            )


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError("a file is missing", file=path, remedy="make it again or correct the path") from None
    except UnicodeDecodeError as error:
        raise InputError("a file is not UTF-8 text", file=path, record=f"byte {error.start}", remedy=REMEDY) from None
    reader = csv.DictReader(io.StringIO(content, newline=""), delimiter="\t")
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise InputError(f"the file lacks the columns {missing}", file=path, record="the header", remedy=REMEDY)
    try:
        return list(reader)
    except csv.Error as error:
        raise InputError(f"malformed table: {error}", file=path, record=f"line {reader.line_num}") from None


def _list(value: Any, path: Path, name: str) -> list[Any]:
    try:
        found = ast.literal_eval(value or "")
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise InputError(f"'neg_caption' is not a list: {value!r}", file=path, record=name, remedy=REMEDY)
    return found
