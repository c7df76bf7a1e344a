"""The tables that sources of photographs write: checks, words, retrieval, what is set aside, and the summary."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256_of_hashes, write_text
from nearmiss.base.manifest import OF_IMAGES
from nearmiss.base.table_parts import AnyTable, CompressedTable, Tables, distinct, filtered, grouped, parts_of, whole
from nearmiss.base.tables import table, write_table
from nearmiss.engine.formats.photographs import MISSING, NO_IMAGE, Aside, Photographs
from nearmiss.stages.data.sources.photographs import CAPTION_SET, STATEMENTS
from nearmiss.stages.data.sources.spec import Declaration

if TYPE_CHECKING:
    from nearmiss.stages.data.overlap import Exclusion

_WORD = re.compile(r"\w+(?:-\w+)*")  # as engine/models/tokenizer.py splits a text
_SET_ASIDE = pl.Schema({"image_id": pl.String, "object_id": pl.String, "reason": pl.String})
_REASONS = 5  # in a message
_PART = 500_000  # rows that are written as one
_SORTED = 125_000  # rows of a larger table that are sorted at once
_KEYS = {"captions": ("caption_id",), "relations": ("subject_id", "predicate", "object_id"), "objects": ("object_id",)}
"""Tables that may have millions of rows, and what their rows are sorted by after the image."""


@dataclass
class SourceTables:
    """What a source read: tables with the columns of base/tables.py, and what was set aside.

    Tables that may have millions of rows may be compressed.
    """

    images: pl.DataFrame
    """With splits; files are relative to the source's root."""
    captions: AnyTable
    objects: AnyTable = field(default_factory=lambda: table("objects", []))
    relations: AnyTable = field(default_factory=lambda: table("relations", []))
    origins: pl.DataFrame = field(default_factory=lambda: table("origins", []))
    set_aside: list[Aside] = field(default_factory=list)
    image_hashes: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the image files by name."""
    perceptual_hashes: dict[str, int] = field(default_factory=dict)
    """Perceptual hashes of the image files by name."""
    other_numbers: dict[str, str] = field(default_factory=dict)
    """COLLECTION:NUMBER of an image in another collection, where the files state it, by image."""
    inputs: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the other files by the name of their option."""
    counts: dict[str, int] = field(default_factory=dict)
    """Further counts of the summary."""
    named: Mapping[str, tuple[Path, str]] = field(default_factory=dict)
    """What messages name: of `captions` and `splits`, the file and the option."""

    def release(self, name: str) -> AnyTable:
        """A table, which is then empty here."""
        released: AnyTable = getattr(self, name)
        setattr(self, name, table(name, []))
        return released


T = TypeVar("T", pl.DataFrame, CompressedTable)


def of_set(captions: T, name: str = CAPTION_SET) -> T:
    """Captions of one set, whose name also states their source."""
    if isinstance(captions, CompressedTable):
        return captions.map(lambda part: of_set(part, name))
    constant = pl.lit(name, pl.Enum([CAPTION_SET, STATEMENTS]))  # a byte a row
    return captions.with_columns(source=constant, set=constant)


def unusable_images(photographs: Photographs) -> list[Aside]:
    """The images that are set aside, with the reasons."""
    return [Aside(image, None, reason) for reason, found in photographs.unusable.items() for image, _ in found]


def check_images(
    photographs: Photographs, used: int, *, listed: Path, key: str, max_faulty: float, images_key: str = "images"
) -> None:
    """Refuse a source none of whose images exists, and one with too many damaged images.

    `used` is the number of images that can be used; `listed` the file that lists images, and `key` its option.
    """
    absent = photographs.unusable.get(MISSING, [])
    if not used and absent and len(absent) == sum(map(len, photographs.unusable.values())):
        raise InputError(
            f"none of the {len(absent):,} images that the file lists exists, such as {absent[0][1]}",
            file=listed,
            record=f"data.source.{key}",
            remedy=f"give files of one split in data.source.{key} and data.source.{images_key}, or correct the paths",
        )
    damaged = photographs.unusable.get(NO_IMAGE, [])
    refuse_damaged(len(damaged), used + len(damaged), str(damaged[0][1]) if damaged else "", max_faulty)


def refuse_damaged(damaged: int, number: int, example: str, max_faulty: float) -> None:
    """Refuse a source of whose images more than the share `max_faulty` is damaged."""
    if damaged > max_faulty * number:
        raise InputError(
            f"{damaged:,} of {number:,} images are damaged, which is more than the share {max_faulty:g} that is set "
            "aside",
            file=example,
            record="data.source.max_faulty",
            remedy="restore the files, or raise max_faulty",
        )


def write_source(
    found: SourceTables, declared: Declaration, data: Path, *, min_count: int, exclusion: "Exclusion | None" = None
) -> tuple[dict[str, object], dict[str, str]]:
    """Write tables, words and what is set aside into the folder `data`; returns the summary and the input hashes.

    `exclusion` moves images out of the training split. Words are counted before, so that they do not depend on it.
    Raises `InputError`, before anything is written, where a split has no image or no caption, or no word is frequent.
    """
    images = found.images.sort("image_id")
    counts = {name: getattr(found, name).height for name in ("captions", "objects", "relations")}
    _check_splits(images, declared, found)
    words = _words(found.captions, _of_split(images, "train"), min_count)
    if not words and declared.caption_sets:
        raise InputError(
            f"no word is used {min_count} times in the training captions",
            file=found.named["captions"][0],
            record="data.source.min_count",
            remedy="lower it",
        )
    if exclusion is not None:
        images = exclusion.applied(images, found.perceptual_hashes, found.other_numbers)
    (data / "tables").mkdir()
    write_table(images, data / "tables" / "images.parquet", "images")
    if "origins" in declared.tables:
        write_table(found.origins.sort("image_id"), data / "tables" / "origins.parquet", "origins")
    for split in declared.splits:
        if f"retrieval_{split}" in declared.tables:
            queries = filtered(found.captions, pl.col("image_id").is_in(_of_split(images, split)))
            write_table(_retrieval(whole(queries)), data / "tables" / f"retrieval_{split}.parquet", "retrieval")
    # Released one after the other: each may have millions of rows.
    for name, keys in _KEYS.items():
        _write_sorted(found.release(name), keys, data / "tables", name)
    write_text(data / "words.txt", "".join(f"{word}\n" for word in words))
    aside = sorted(found.set_aside, key=lambda each: each.order)
    pl.DataFrame(aside, schema=_SET_ASIDE, orient="row").write_parquet(data / "set_aside.parquet", statistics=False)
    summary = {
        "images": dict(images.group_by("split").len().sort("split").iter_rows()),
        **counts,
        "words": len(words),
        **found.counts,
        "set_aside": dict(sorted(reasons_of(aside).items())),
    }
    return summary, {**found.inputs, f"source{OF_IMAGES}": sha256_of_hashes(found.image_hashes)}


def _write_sorted(rows: AnyTable, keys: Sequence[str], folder: Path, name: str) -> None:
    """Write a table sorted by image and `keys`."""
    if rows.height <= _PART:
        write_table(whole(rows).sort("image_id", *keys), folder / f"{name}.parquet", name)
        return
    with Tables(folder) as tables:
        for part in _sorted_parts(rows, keys):
            tables.add(name, part)


def _sorted_parts(rows: AnyTable, keys: Sequence[str]) -> Iterator[pl.DataFrame]:
    """The rows by image and `keys`, sorted in parts: one sort of millions of rows takes several times their memory."""
    images = distinct(rows, "image_id").to_frame()
    of_part = max(1, images.height * _SORTED // rows.height)
    groups = images.with_columns(group=pl.int_range(pl.len()) // of_part)
    yield from (part.sort("image_id", *keys) for part in grouped(rows, groups))


def _of_split(images: pl.DataFrame, split: str) -> pl.Series:
    """The ids of a split's images, as a list of one row for `is_in`."""
    return images.filter(pl.col("split") == split)["image_id"].implode()


def reasons_of(aside: Sequence[Aside]) -> Counter[str]:
    """How often each reason occurs."""
    return Counter(each.reason.split("; record: ")[0] for each in aside)


def _check_splits(images: pl.DataFrame, declared: Declaration, found: SourceTables) -> None:
    """Every split has an image, with a caption where the source has captions."""
    captioned = pl.col("image_id").is_in(distinct(found.captions, "image_id").implode())
    used = images.filter(captioned) if declared.caption_sets else images
    for split in declared.splits:
        if used.filter(pl.col("split") == split).is_empty():
            reasons = reasons_of(found.set_aside).most_common(_REASONS)
            listed = "; set aside: " + ", ".join(f"{reason} ({count})" for reason, count in reasons) if reasons else ""
            file, key = found.named["splits"]
            raise InputError(
                f"split '{split}' has no image{' with a caption' if declared.caption_sets else ''}{listed}",
                file=file,
                record=f"data.source.{key}.{split}" if key == "splits" else f"data.source.{key}",
                remedy="give more images, larger shares, or files that belong together",
            )


def _words(captions: AnyTable, image_ids: pl.Series, min_count: int) -> list[str]:
    """The words that the captions of some images use often enough, sorted."""
    counts: Counter[str] = Counter()
    for part in parts_of(captions):
        for text in part.filter(pl.col("image_id").is_in(image_ids))["text"]:
            counts.update(_WORD.findall(text.lower()))
    return sorted(word for word, count in counts.items() if count >= min_count)


def _retrieval(captions: pl.DataFrame) -> pl.DataFrame:
    """Table `retrieval`: a caption is right for its own image, a statement for every image that has the same one."""
    alike = pl.col("image_id").unique().sort().implode().over("set", "text")
    right = pl.when(pl.col("set") == STATEMENTS).then(alike).otherwise(pl.concat_list("image_id"))
    return captions.select("caption_id", "image_id", "text", right=right).sort("caption_id")
