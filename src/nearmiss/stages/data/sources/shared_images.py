"""Images that sources of a combination share, as COCO and Visual Genome do: the first source keeps them.

Two files are one photograph where both have the same number in a collection, where a source states the number that its
image has in another collection, or where their perceptual hashes are similar (engine/images/identity.py).
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from nearmiss.base.table_parts import filtered
from nearmiss.engine.formats.photographs import Aside
from nearmiss.engine.images.identity import photograph_keys, similar
from nearmiss.stages.data.sources.tables import SourceTables

SHARED = "the image is in an earlier source"
COUNTS = ("shared_by_number", "shared_by_content")
"""Counts of the summary: images that were found by number, and further ones by content."""


def without_shared(parts: Sequence[SourceTables], prefixes: Sequence[str]) -> list[SourceTables]:
    """The sources without the images of earlier ones, their captions and annotations; each such image is set aside.

    Images of one source are not compared with each other. `prefixes` are what ids of each source begin with.
    """
    kept: list[SourceTables] = []
    known_keys: dict[str, str] = {}
    known_ids: list[str] = []
    known_hashes: list[int] = []
    for part, prefix in zip(parts, prefixes, strict=True):
        keys = _keys(part)
        earlier = {
            image_id: next(known_keys[key] for key in own if key in known_keys)
            for image_id, own in keys.items()
            if not known_keys.keys().isdisjoint(own)
        }
        by_number = len(earlier)
        hashes = _hashes(part, without=earlier.keys())
        pairs = similar(_unsigned(hashes.values()), _unsigned(known_hashes))
        names = list(hashes)
        for row, known in pairs.tolist():
            earlier.setdefault(names[row], known_ids[known])
        found = _without(part, earlier)
        found.counts = found.counts | dict(zip(COUNTS, (by_number, len(earlier) - by_number), strict=True))
        kept.append(found)
        for image_id in found.images["image_id"]:
            known_keys |= {key: f"{prefix}{image_id}" for key in keys[image_id]}
        remaining = {image_id: value for image_id, value in hashes.items() if image_id not in earlier}
        known_ids += [f"{prefix}{image_id}" for image_id in remaining]
        known_hashes += remaining.values()
    return kept


_STRUCTURE = 16
"""Bits of a hash that are set at least. A photograph sets 32; images of one color set 1, and their hashes are equal."""


def _keys(part: SourceTables) -> dict[str, list[str]]:
    """Image -> its numbers in collections."""
    rows = part.images.select("image_id", "file", "source").iter_rows()
    return {row[0]: photograph_keys(row[2], row[1], part.other_numbers.get(row[0])) for row in rows}


def _hashes(part: SourceTables, without: Collection[str]) -> dict[str, int]:
    """Image -> perceptual hash, but for the images in `without`, and those that show nothing but one color."""
    files = part.images.filter(~pl.col("image_id").is_in(list(without))).select("image_id", "file").iter_rows()
    known = part.perceptual_hashes
    found = {image_id: known[file] for image_id, file in files if file in known}
    return {image_id: value for image_id, value in found.items() if value.bit_count() >= _STRUCTURE}


def _unsigned(hashes: Collection[int]) -> np.ndarray:
    return np.fromiter(hashes, dtype=np.uint64, count=len(hashes))


def _without(part: SourceTables, earlier: dict[str, str]) -> SourceTables:
    """A source without images; `earlier` maps each of them to the image that it is."""
    if not earlier:
        return replace(part)
    others = ~pl.col("image_id").is_in(list(earlier))
    return replace(
        part,
        images=part.images.filter(others),
        captions=filtered(part.captions, others),
        objects=filtered(part.objects, others),
        relations=filtered(part.relations, others),
        origins=part.origins.filter(others),
        set_aside=[
            *part.set_aside,
            *(Aside(image, None, f"{SHARED}; record: {kept}") for image, kept in earlier.items()),
        ],
    )
