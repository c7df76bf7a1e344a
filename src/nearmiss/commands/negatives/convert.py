"""Command `negatives convert`: negatives from one exchange format into another."""

from pathlib import Path

from nearmiss.base.errors import InputError
from nearmiss.base.progress import job
from nearmiss.commands.app import Seed
from nearmiss.commands.app import negatives as group
from nearmiss.commands.inputs import check_inputs
from nearmiss.engine.formats.names import Read, Written

NAMING_FILES = ("sugarcrepe", "negclip", "ce_clip")
"""Formats that name an image by its file."""


@group.command
def convert(
    *,
    pairs: Path,
    to: Written,
    out: Path,
    format: Read | None = None,
    images: Path | None = None,
    file_pattern: str | None = None,
    seed: Seed | None = None,
) -> None:
    """Convert negatives from one published format, or from a table, into another.

    nearmiss negatives convert --pairs keyword/negatives.parquet --to sugarcrepe --out sugarcrepe

    Parameters
    ----------
    pairs
        Negatives: a table, or a published file or folder.
    to
        Format to write. SugarCrepe's and CE-CLIP's are folders, the others files; parquet writes the table of negatives
        and captions.parquet beside it.
    out
        Output file or folder; for parquet, a folder, or a file X.parquet with X.captions.parquet beside it.
    format
        Format of the pairs; derived from the file's ending or its first record if not given.
    images
        Table of images, which has the file of an image id.
    file_pattern
        File of an image id that is a number and in no table, such as coco/train2014/COCO_train2014_{:012d}.jpg;
        {:012d}.jpg if not given.
    seed
        Seed of the rows in NegCLIP's column neg_image; 0 if not given.
    """
    naming = {"images": images, "file-pattern": file_pattern}
    unused = [name for name, value in naming.items() if value is not None and to not in NAMING_FILES]
    unused += ["seed"] if seed is not None and to != "negclip" else []
    if unused:
        raise InputError(f"--{unused[0]} has no effect on the format {to}", remedy="leave the flag out")
    check_inputs(pairs=pairs, images=images)
    with job("negatives convert"):
        from nearmiss.engine.formats.exchange import convert as write

        pattern = "{:012d}.jpg" if file_pattern is None else file_pattern
        count = write(pairs, source=format, target=to, out=out, images=images, pattern=pattern, seed=seed or 0)
    print(f"{count} negatives written to {out}")
