"""The formats in which pairs of a caption and its negative are read and written, by name."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.manifest import verify_inputs
from nearmiss.base.outputs import OutputFile, refuse_overlap
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.formats import ce_clip, hnc, negclip, sugarcrepe, valse
from nearmiss.engine.formats.names import Read
from nearmiss.engine.formats.published import COCO_NAME, FileNames, distinct, is_number

READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    "parquet": lambda path: read_table(path, "negatives"),
    "sugarcrepe": sugarcrepe.read,
    "valse": valse.read,
    "negclip": negclip.read,
    "hnc": hnc.read,
    "ce_clip": ce_clip.read,
}
WRITERS: dict[str, Callable[[pl.DataFrame, Path, FileNames, int], None]] = {
    "parquet": lambda frame, out, names, seed: write_table(frame, out, "negatives"),
    "sugarcrepe": lambda frame, out, names, seed: sugarcrepe.write(distinct(frame, names, file=out), out, names),
    "negclip": lambda frame, out, names, seed: negclip.write(distinct(frame, names, file=out), out, names, seed=seed),
    "hnc": lambda frame, out, names, seed: hnc.write(frame, out),  # ids are keys, as they stand
    "ce_clip": lambda frame, out, names, seed: ce_clip.write(distinct(frame, _number(names), file=out), out, names),
}

FOLDERS = ("sugarcrepe", "ce_clip")
"""Formats that are folders of files."""


def _number(names: FileNames) -> Callable[[str], str]:
    """CE-CLIP's records hold a number where an id is one, else the name of the file."""
    return lambda image: COCO_NAME.format(int(image)) if is_number(image) else names(image)


def read_negatives(path: Path, name: str | None) -> pl.DataFrame:
    """Table `negatives` of a file or folder in a named format; by the file's ending where no name is given."""
    return READERS[name or guessed(path)](path)


def guessed(path: Path) -> str:
    """The format of a file by its ending, where the ending says it."""
    endings = {".parquet": "parquet", ".tsv": "negclip", ".npy": "ce_clip"}
    if path.suffix in endings:
        return endings[path.suffix]
    raise InputError(
        "the format of the pairs cannot be told from the name of the file",
        file=path,
        remedy=f"give --format: {', '.join(get_args(Read))}",
    )


def convert(
    pairs: Path, *, source: str | None, target: str, out: Path, images: Path | None, pattern: str, seed: int
) -> int:
    """Write pairs in another format and return how many; `images`, a table, says which file an image id stands for.

    Raises InputError for a format that is only read, before anything is read.
    """
    if target not in WRITERS:
        raise InputError(f"'{target}' is read, not written", remedy=f"choose one of: {', '.join(WRITERS)}")
    refuse_overlap(out, [pairs, images])
    verify_inputs({"pairs": pairs, "images": images})
    names = FileNames(_files(images) if images else {}, pattern)
    frame = read_negatives(pairs, source)
    if target in FOLDERS:
        WRITERS[target](frame, out, names, seed)
    else:
        with OutputFile(out, inputs=[pairs, images]) as partial:
            WRITERS[target](frame, partial, names, seed)
    return frame.height


def _files(images: Path) -> dict[str, str]:
    """The file of each image of a table."""
    named = read_table(images, "images").select("image_id", "file").drop_nulls().unique()
    twice = named.filter(pl.col("image_id").is_duplicated()).sort("image_id")
    if twice.height:
        raise InputError(
            "an image has two files",
            file=images,
            record=f"image {twice['image_id'][0]}",
            remedy="keep one row for each image",
        )
    return dict(named.iter_rows())
