"""The formats in which pairs of a caption and its negative are read and written, by name."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.manifest import verify_inputs
from nearmiss.base.outputs import OutputFile, OutputFolder, beside, refuse_overlap
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.formats import ce_clip, hnc, negclip, sugarcrepe, three_captions, valse, vl_checklist
from nearmiss.engine.formats.names import Read
from nearmiss.engine.formats.published import (
    COCO_NAME,
    FileNames,
    is_number,
    positives,
    refuse_empty_cells,
    refuse_equal_ids,
)
from nearmiss.engine.formats.recognition import recognized, require

READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    "parquet": lambda path: read_table(path, "negatives"),
    "sugarcrepe": sugarcrepe.read,
    "valse": valse.read,
    "negclip": negclip.read,
    "hnc": hnc.read,
    "ce_clip": ce_clip.read,
    "sugarcrepe_pp": three_captions.read,
    "vl_checklist": vl_checklist.read,
}
WRITERS: dict[str, Callable[[pl.DataFrame, Path, FileNames, int], None]] = {
    "parquet": lambda frame, out, names, seed: write_tables(frame, out),
    "sugarcrepe": lambda frame, out, names, seed: sugarcrepe.write(frame, out, names),
    "negclip": lambda frame, out, names, seed: negclip.write(frame, out, names, seed=seed),
    "hnc": lambda frame, out, names, seed: hnc.write(frame, out),
    "ce_clip": lambda frame, out, names, seed: ce_clip.write(frame, out, names),
}

FOLDERS = ("sugarcrepe", "ce_clip")
"""Formats that are folders of files."""


def read_negatives(path: Path, name: str | None) -> pl.DataFrame:
    """Table `negatives` of a file or folder; without `name`, the suffix or the first record determines the format."""
    if name is not None:
        _refuse_other_format(path, name)
    return READERS[name or guessed(path)](path)


def _refuse_other_format(path: Path, name: str) -> None:
    """Raise `InputError` if a JSON file is recognized as one of another format than `name`."""
    found = recognized(path) if path.suffix == ".json" and path.is_file() else None
    if found is not None and found.key != name:
        raise InputError(
            f"this is {found.title}, not a file of format {name}",
            file=path,
            record="the first record",
            remedy=f"give it to: {found.option}",
        )


def guessed(path: Path) -> str:
    """The format of a file by its suffix, or by the first record of a JSON file, which must hold pairs."""
    endings = {".parquet": "parquet", ".tsv": "negclip", ".npy": "ce_clip"}
    if path.suffix in endings:
        return endings[path.suffix]
    if path.suffix == ".json" and path.is_file():
        return require(path, "pairs").key
    raise InputError(
        "the format of the pairs cannot be determined from the name of the file",
        file=path,
        remedy=f"give --format: {', '.join(get_args(Read))}",
    )


def convert(
    pairs: Path, *, source: str | None, target: str, out: Path, images: Path | None, pattern: str, seed: int
) -> int:
    """Write pairs in another format and return their number; table `images` maps image ids to files.

    Raises InputError before reading, for a format that cannot be written; and before writing, for negatives without
    image or text, and for two image ids that the format cannot distinguish.
    """
    if target not in WRITERS:
        raise InputError(f"'{target}' is read, not written", remedy=f"choose one of: {', '.join(WRITERS)}")
    refuse_overlap(out, [pairs, images])
    verify_inputs({"pairs": pairs, "images": images})
    names = FileNames(_files(images) if images else {}, pattern)
    frame = read_negatives(pairs, source)
    if target != "parquet":
        refuse_empty_cells(frame, file=pairs)
        refuse_equal_ids(frame, _written_id(target, names), file=pairs)
    if target in (*FOLDERS, "parquet"):
        WRITERS[target](frame, out, names, seed)
    else:
        with OutputFile(out, inputs=[pairs, images]) as partial:
            WRITERS[target](frame, partial, names, seed)
    return frame.height


def write_tables(frame: pl.DataFrame, out: Path) -> None:
    """Write negatives and their positives: into a folder, or as X.parquet and X.captions.parquet."""
    if out.suffix == ".parquet":
        with OutputFile(beside(out, "captions.parquet")) as captions, OutputFile(out) as negatives:
            write_table(positives(frame), captions, "captions")
            write_table(frame, negatives, "negatives")
        return
    with OutputFolder(out) as folder:
        write_table(positives(frame), folder / "captions.parquet", "captions")
        write_table(frame, folder / "negatives.parquet", "negatives")


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


def _written_id(target: str, names: FileNames) -> Callable[[str], str]:
    """How a format writes an image id: as it is (HNC), as an integer (CE-CLIP), as a file name."""
    if target == "hnc":
        return str
    if target == "ce_clip":
        return lambda image: COCO_NAME.format(int(image)) if is_number(image) else names(image)
    return names
