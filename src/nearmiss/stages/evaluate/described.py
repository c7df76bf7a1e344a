"""How the figures of a benchmark came about: what was read, what was not, and what no model can tell apart."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import polars as pl

from nearmiss.engine.benchmarks.fields import LeftOut
from nearmiss.engine.benchmarks.general import Gallery, Labelled
from nearmiss.engine.benchmarks.published import Rule, Sheet, Source
from nearmiss.engine.images.decode import pixel_box
from nearmiss.engine.scoring import published
from nearmiss.engine.scoring.encoded import Encoded


def described(
    source: Source, rule: Rule, sheet: Sheet, items: pl.DataFrame, groups: pl.DataFrame, seen: Encoded
) -> dict[str, Any]:
    """The record of a fine-grained benchmark in metrics.json; `groups` are the items that count."""
    counted = items.join(groups.select("item_id"), on="item_id", how="semi", maintain_order="left")
    return {
        "paper": source.paper,
        "notes": source.notes,
        "files": sheet.hashes,
        "items": items.height,
        "items_that_count": groups.height,
        "left_out": dict(sheet.left_out),
        **_coverage(sheet.missing, _unseen(items, seen), sheet.reading.records),
        "caption_equals_negative": sheet.alike,
        "equal_after_tokenization": published.equal_items(counted, seen),
        "texts_cut": int(counted["captions"].explode().unique().is_in(sorted(seen.cut)).sum()),
        "boxes_outside": _outside(counted, seen),
        "rule": {
            "ties": rule.ties,
            "asked": rule.asked,
            "average": "macro over strata" if rule.macro else "micro over items",
            "strata_left_out": len(rule.without),
            "fewest_of_a_stratum": dict(rule.least),
            "first_of_each_file": rule.first,
            "each_caption_alone": rule.alone,
        },
    }


def described_gallery(each: Gallery, seen: Encoded) -> dict[str, Any]:
    """The record of a gallery in metrics.json."""
    return {
        **_general(each.notes, each.hashes, each.images, set(each.captions), seen),
        "left_out": dict(Counter(record.reason for record in each.left_out)),
        **_coverage([], _undecoded(each.images, seen), each.left_out),
        "equal_after_tokenization": [],
    }


def described_classes(each: Labelled, seen: Encoded) -> dict[str, Any]:
    """The record of a classification in metrics.json. Classes that are the same to the model are named."""
    texts = {text for prompts in each.prompts for text in prompts}
    return {
        **_general(each.notes, each.hashes, each.images, texts, seen),
        "left_out": {},
        **_coverage(each.missing, _undecoded(each.images, seen), []),
        "equal_after_tokenization": [],
        "equal_classes": _equal_classes(each, seen),
    }


def _general(
    notes: str, files: dict[str, str], images: Sequence[str], texts: set[str], seen: Encoded
) -> dict[str, Any]:
    return {
        "notes": notes,
        "files": files,
        "images": len(images),
        "caption_equals_negative": [],
        "texts_cut": len(texts & seen.cut),
        "boxes_outside": 0,
    }


def _undecoded(images: Sequence[str], seen: Encoded) -> list[str]:
    return sorted(path for path in set(images) if path not in seen.look_rows)


def _coverage(files: Sequence[str], images: Sequence[str], records: Sequence[LeftOut]) -> dict[str, Any]:
    """What is missing, and whether that is nothing."""
    return {
        "complete": not (files or images or records),
        "files_missing": list(files),
        "images_missing": list(images),
        "records_left_out": [vars(record) for record in records],
    }


def _unseen(items: pl.DataFrame, seen: Encoded) -> list[str]:
    """Images that are asked for and are not there, or do not decode."""
    asked = published.lines(items).filter(~pl.col("look").is_in(list(seen.look_rows)))
    return sorted(set(asked["look"].str.split("#").list.first()))


def _outside(items: pl.DataFrame, seen: Encoded) -> int:
    """Items whose box leaves their image, which is black there, as the benchmarks' own evaluators have it."""
    boxed = items.filter(pl.col("crop").is_not_null()).select("images", "crop")
    return sum(
        any(_leaves(crop, seen.sizes[image]) for image in images if image in seen.sizes)
        for images, crop in boxed.iter_rows()
    )


def _leaves(crop: Sequence[float], size: tuple[int, int]) -> bool:
    left, top, right, bottom = pixel_box(crop)
    return left < 0 or top < 0 or right > size[0] or bottom > size[1]


def _equal_classes(labelled: Labelled, seen: Encoded) -> list[str]:
    """Classes whose prompts are the same tokens as those of another class, so that they tie for every image."""
    rows = [tuple(seen.text_rows[text] for text in prompts) for prompts in labelled.prompts]
    count = Counter(rows)
    return [name for name, own in zip(labelled.classes, rows, strict=True) if count[own] > 1]
