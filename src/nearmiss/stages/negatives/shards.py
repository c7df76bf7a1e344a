"""A corpus cut into shards of whole images, and the same work done on each of them in one process or many.

What a shard gives depends on its images alone, so neither the number of shards nor that of workers decides a byte.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from multiprocessing import get_context
from typing import Any, TypeVar, overload

import polars as pl

from nearmiss.base.lifetime import die_with_parent
from nearmiss.stages.negatives.candidates import Caption, Corpus

T = TypeVar("T")

SIZE = 2000  # captions in a shard, about; an image counts as one more
_AHEAD = 2  # shards for each worker that wait: more would only fill the memory
_PRELOADED = ("nearmiss.stages.negatives.stage", "nearmiss.engine.text.pipelines")
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


def each_in_order(work: Callable[[Any, T], Any], shared: Any, items: Iterator[T], workers: int) -> Iterator[Any]:
    """`work(shared, item)` of each item, in order; `workers` processes get `shared` once and one item after another.

    One worker is this process itself. At most a few items wait, so that memory does not grow with their number.
    """
    if workers <= 1:
        for item in items:
            yield work(shared, item)
        return
    # Not fork: polars' threads do not survive it. The server imports what workers need once, and starts no thread.
    server = get_context("forkserver")
    server.set_forkserver_preload([name for name in _PRELOADED if name in sys.modules])
    with server.Pool(workers, initializer=_begin, initargs=(work, shared)) as pool:
        waiting: deque[Any] = deque()
        for item in items:
            waiting.append(pool.apply_async(_one, (item,)))
            if len(waiting) >= _AHEAD * workers:
                yield waiting.popleft().get()
        while waiting:
            yield waiting.popleft().get()


_given: list[Any] = []


def _begin(work: Callable[[Any, Any], Any], shared: Any) -> None:
    die_with_parent()
    _given[:] = [work, shared]


def _one(item: Any) -> Any:
    work, shared = _given
    return work(shared, item)
