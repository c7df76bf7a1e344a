"""Command `convert`: negatives from one exchange format into another."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import Seed, app
from nearmiss.engine.formats.names import Read, Written


@app.command
def convert(
    *,
    pairs: Path,
    to: Written,
    out: Path,
    format: Read | None = None,
    images: Path | None = None,
    file_pattern: str = "{:012d}.jpg",
    seed: Seed = 0,
) -> None:
    """Write negatives in the format that a peer's training or evaluation code reads, or a peer's as our table.

    Parameters
    ----------
    pairs
        Negatives: our table, or a published file or folder.
    to
        The format to write; SugarCrepe and CE-CLIP are folders, the others files. `parquet` writes captions.parquet
        beside the negatives.
    out
        What is made. For `parquet`, a folder, or a file X.parquet with X.captions.parquet beside it.
    format
        Whose format the pairs are in; by the file's ending if not given.
    images
        The table of images, which says what file an image id stands for.
    file_pattern
        The file of an image id that is a number and in no table, such as coco/train2014/COCO_train2014_{:012d}.jpg.
    seed
        Seed of the rows that NegCLIP's neg_image names.
    """
    with job("convert"):
        from nearmiss.engine.formats.exchange import convert as write

        count = write(pairs, source=format, target=to, out=out, images=images, pattern=file_pattern, seed=seed)
    print(f"{count} negatives written to {out}")
