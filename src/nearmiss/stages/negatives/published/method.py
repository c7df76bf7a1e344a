"""Negatives read from a file: a table of `nearmiss negatives convert`, or one released with a paper (engine/formats).

They are not checked unless option `checked` is set. A pair is assigned to a caption of the corpus if its image has a
caption with the same text; other positives are written as captions of the method. Pairs of images outside of the corpus
are rejected, since released files cover whole data sets.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.progress import progress
from nearmiss.engine.formats.exchange import read_negatives
from nearmiss.engine.formats.published import refuse_empty_cells
from nearmiss.engine.text.legible import illegible
from nearmiss.stages.negatives.candidates import Candidate, Corpus, Method, Outcome, Positive, Rejected


def generate(corpus: Corpus, options: Any) -> Iterator[Outcome]:
    """Every pair of the file, in its order.

    Raises InputError if the file is missing or malformed, or if all its pairs are of other images.
    """
    file = Path(options.file)
    pairs = read_negatives(file, options.format)
    refuse_empty_cells(pairs, file=file)
    own = {(caption.image_id, caption.text): caption.caption_id for caption in corpus.captions}
    images = {*corpus.images["image_id"], *(image_id for image_id, _ in own)}
    _check_images(pairs, images, file)
    written: dict[tuple[str, str], str] = {}
    for row in progress(pairs.iter_rows(named=True), what="negatives of a file", total=pairs.height):
        image_id, positive, negative = row["image_id"], row["positive"], row["negative"]
        kind = row["type"] or "published"
        if image_id not in images or positive == negative:
            reason = "the two texts are equal" if image_id in images else "the image is none of the corpus"
            yield Rejected(None, image_id, kind, reason, positive, negative)
            continue
        caption_id = own.get((image_id, positive)) or written.get((image_id, positive))
        if caption_id is None:
            caption_id = written[image_id, positive] = f"{image_id}-published-{len(written)}"
            yield Positive(caption_id, image_id, positive, unchecked=not options.checked)
        fault = illegible(negative) if options.checked else None
        if fault is not None:
            yield Rejected(caption_id, image_id, kind, fault, positive, negative)
            continue
        yield Candidate(caption_id, image_id, kind, positive, negative, unchecked=not options.checked)


METHOD = Method("published", generate, mode="released")


def _check_images(pairs: pl.DataFrame, images: set[str], file: Path) -> None:
    if pairs.height and not pairs["image_id"].is_in(images).any():
        raise InputError(
            f"none of {pairs.height} negatives is of an image of the tables",
            file=file,
            record=f"first image: {pairs['image_id'][0]}",
            remedy="give a file of this data set and split with the image ids of the tables",
        )
