"""A corpus cut into shards of whole images.

What a shard gives depends on its images alone, so neither the number of shards nor that of workers decides a byte.
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import overload

import polars as pl

from nearmiss.stages.negatives.candidates import Caption, Corpus

SIZE = 2000  # captions in a shard, about; an image counts as one more
_CHUNK = 4096  # rows that are Python objects at once


@dataclass(frozen=True)
class Captions(Sequence[Caption]):
    """Rows of a table `captions` that become objects only while one looks at them: a million take 100 MB, not 1 GB."""

    frame: pl.DataFrame

    def __len__(self) -> int:
        return self.frame.height

    def __iter__(self) -> Iterator[Caption]:
        return (Caption(*row) for row in self.frame.iter_rows(buffer_size=_CHUNK))

    @overload
    def __getitem__(self, index: int) -> Caption: ...
    @overload
    def __getitem__(self, index: slice) -> "Captions": ...
    def __getitem__(self, index: int | slice) -> "Caption | Captions":
        return Captions(self.frame[index]) if isinstance(index, slice) else Caption(*self.frame.row(index))


def shards(corpus: Corpus, size: int = SIZE) -> Iterator[Corpus]:
    """The corpus in shards of whole images, sorted by image; `size` is in captions and images together."""
    said = corpus.captions if isinstance(corpus.captions, Captions) else _captions(corpus.captions)
    frames = {"captions": said.frame, "images": corpus.images, "objects": corpus.objects, "relations": corpus.relations}
    of_images = pl.concat([frame.select("image_id").unique() for frame in frames.values()]).unique()
    weights = of_images.join(said.frame.group_by("image_id").len("said"), on="image_id", how="left").sort("image_id")
    numbers = weights.select("image_id", shard=((pl.col("said").fill_null(0) + 1).cum_sum() - 1) // size)
    numbers = numbers.with_columns(pl.col("shard").rank("dense").cast(pl.Int64) - 1)
    count = int(numbers["shard"].max()) + 1 if numbers.height else 0  # type: ignore[arg-type]
    cut = {name: _cut(frame, numbers, count) for name, frame in frames.items()}
    for parts in zip(*cut.values(), strict=True):
        mine = dict(zip(cut, parts, strict=True))
        yield replace(corpus, **{**mine, "captions": Captions(mine["captions"])}, words=corpus.vocabulary)


def _captions(captions: Sequence[Caption]) -> Captions:
    rows = [(each.caption_id, each.image_id, each.text, each.template_id, each.source) for each in captions]
    columns = ["caption_id", "image_id", "text", "template_id", "source"]
    return Captions(pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row"))


def _cut(frame: pl.DataFrame, numbers: pl.DataFrame, count: int) -> list[pl.DataFrame]:
    """The frame's rows of each shard, in their order."""
    placed = frame.join(numbers, on="image_id", how="left", maintain_order="left")
    placed = placed.sort("shard", maintain_order=True)
    places: list[int] = placed["shard"].search_sorted(pl.Series(range(count + 1)), side="left").to_list()
    placed = placed.drop("shard")
    return [placed[start:end] for start, end in pairwise(places)]


@contextmanager
def at_rest() -> Iterator[None]:
    """Without automatic garbage collection; afterwards as it was before. For work whose memory is bounded.

    Rows of a shard are trees, through all of which the collector would look in vain. Measured on captions of COCO: a
    quarter of the time of `keyword` (our choice).
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
