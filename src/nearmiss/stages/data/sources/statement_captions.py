"""Captions of images whose source has none: statements of their scene graphs."""

from collections.abc import Iterator
from itertools import islice

import polars as pl

from nearmiss.base.progress import progress
from nearmiss.base.table_parts import CompressedTable, distinct, grouped
from nearmiss.base.tables import table
from nearmiss.base.workers import map_in_order
from nearmiss.engine.text.scene_graphs.graphs import graphs
from nearmiss.engine.text.scene_graphs.statements import statements
from nearmiss.engine.text.scene_graphs.wording import template_id
from nearmiss.stages.data.sources.photographs import STATEMENTS
from nearmiss.stages.data.sources.tables import of_set

_PART = 5000  # images whose graphs are in memory at the same time


def statement_captions(
    objects: CompressedTable, relations: CompressedTable, *, seed: int, most: int | None, workers: int
) -> CompressedTable:
    """Table `captions`: at most `most` statements of each image that has objects, with the ids IMAGE#NUMBER.

    The rows do not depend on `workers`.
    """
    images = distinct(objects, "image_id").to_frame().with_columns(group=pl.int_range(pl.len()) // _PART)
    parts = zip(grouped(objects, images), grouped(relations, images), strict=True)
    total = -(-images.height // _PART)
    written = map_in_order(_written, (seed, most), parts, min(workers, total))
    every = (table("captions", []), *progress(written, what="captions", total=total))
    return of_set(CompressedTable(every), STATEMENTS)


def _written(options: tuple[int, int | None], part: tuple[pl.DataFrame, pl.DataFrame]) -> pl.DataFrame:
    seed, most = options
    return table("captions", list(_rows(part, seed, most)))


def _rows(part: tuple[pl.DataFrame, pl.DataFrame], seed: int, most: int | None) -> Iterator[dict[str, str]]:
    for graph in graphs(*part):
        for number, (kind, text) in enumerate(islice(statements(graph, seed), most)):
            yield {
                "caption_id": f"{graph.image_id}#{number}",
                "image_id": graph.image_id,
                "text": text,
                "template_id": template_id(kind),
                "source": STATEMENTS,
            }
