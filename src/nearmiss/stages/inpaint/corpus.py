"""Input of the stage: images of one split with their objects and captions, and the vocabulary of the data."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from nearmiss.base.caption_sets import read_caption_set
from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_table, table
from nearmiss.engine.formats.inpaintcoco import Origin
from nearmiss.engine.formats.sound_tables import (
    Faults,
    sound_captions,
    sound_images,
    sound_objects,
    sound_relations,
)
from nearmiss.engine.images.decode import check_images
from nearmiss.engine.images.editing.plan import Donor
from nearmiss.engine.text.annotations import (
    Annotated,
    Annotations,
    Box,
    Vocabulary,
    annotate,
    crowds,
    predicate_group,
)
from nearmiss.engine.text.lexicon import attribute_kind, attribute_words, inverse, load, noun_group
from nearmiss.engine.text.parsing import parse
from nearmiss.engine.text.tokens import tokenize

KINDS = ("color", "size")  # kinds of attributes that operations change


@dataclass(frozen=True)
class ImageRow:
    """A row of table `images`."""

    image_id: str
    file: str
    width: int
    height: int


@dataclass(frozen=True)
class ObjectRow:
    """A row of table `objects`."""

    object_id: str
    name: str
    box: Box
    mask: str | None


@dataclass(frozen=True)
class CaptionRow:
    """A row of table `captions`."""

    caption_id: str
    text: str


@dataclass(frozen=True)
class Corpus:
    """All input of the edits of one split; picklable."""

    root: Path
    images: dict[str, ImageRow]
    objects: dict[str, tuple[ObjectRow, ...]]
    captions: dict[str, tuple[CaptionRow, ...]]
    annotations: dict[str, Annotations]
    words: Counter[tuple[str, str, str]]
    """Counts of (kind, group, word) in the captions."""
    names: dict[str, str]
    """Group of nouns -> annotated name."""
    combinations: frozenset[tuple[str, str, str]]
    """(noun, kind, group) of everything annotated in any split."""
    related: frozenset[tuple[str, str, str]]
    """(noun, predicate, noun) of every relation annotated in any split."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Sources of images by image id, as far as known."""
    set_aside: tuple[tuple[str | None, str], ...] = ()
    """(image, reason) of rows of the tables that cannot be used."""
    unusable_donors: set[str] = field(default_factory=set, compare=False)
    """Donors that are not completely visible (cache)."""

    @cached_property
    def donors(self) -> tuple[Donor, ...]:
        """The objects of the split with mask and box, sorted, with their annotations."""
        return tuple(
            Donor(row.object_id, image_id, obj.noun, values_of(obj), row.box, family(obj.noun), meters(obj.noun))
            for image_id, annotations in sorted(self.annotations.items())
            for row, obj in zip(self.objects[image_id], annotations.objects, strict=True)
            if row.mask is not None and min(row.box[2:]) > 0
        )

    @cached_property
    def nouns(self) -> frozenset[str]:
        """Annotated names, for parsing captions."""
        return next((each.vocabulary.names for each in self.annotations.values()), frozenset())

    @cached_property
    def known(self) -> dict[str, tuple[str, ...]]:
        """kind -> sorted groups that occur in the captions."""
        return {kind: tuple(sorted({group for each, group, _ in self.words if each == kind})) for kind in KINDS}

    def word(self, kind: str, group: str) -> str:
        """The most frequent word of a group; ties are broken alphabetically."""
        counts = {word: count for (each, name, word), count in self.words.items() if (each, name) == (kind, group)}
        return min(counts, key=lambda word: (-counts[word], word)) if counts else group

    def unseen_combination(self, noun: str, values: Mapping[str, str], edited: str) -> str | None:
        """Why a pair has a combination that does not occur in the data, or None.

        Keeps combinations that a benchmark holds out (a blue star if no star of the data is blue) out of the pairs.
        Kinds and predicates without annotations are not checked.
        """
        annotated_kinds = {kind for _, kind, _ in self.combinations}
        for kind in sorted(values.keys() & annotated_kinds):
            if (noun, kind, values[kind]) not in self.combinations:
                return "no object of the data is like it"
        caption = parse(edited, self.nouns)
        predicates = {predicate for _, predicate, _ in self.related}
        if caption is None:
            return None
        for subject, predicate, other in caption.relations:
            relation = (caption.mentions[subject].noun, predicate, caption.mentions[other].noun)
            converse = (relation[2], inverse(predicate), relation[0])
            if predicate in predicates and relation not in self.related and converse not in self.related:
                return "no two objects of the data have this relation"
        return None


def values_of(obj: Annotated) -> dict[str, str]:
    """kind -> group, for each kind of which the object has exactly one value."""
    found: dict[str, set[str]] = {}
    for kind, group in obj.attributes:
        found.setdefault(kind, set()).add(group)
    return {kind: min(groups) for kind, groups in sorted(found.items()) if kind and len(groups) == 1}


def family(noun: str) -> tuple[str, ...]:
    """Kinds of a noun by the lexicon; () if unknown."""
    return tuple(load("object")["groups"].get(noun, {}).get("kinds", ()))


def meters(noun: str) -> float | None:
    """Typical length of the longest side in meters (our estimate); None if unknown."""
    return load("length")["meters"].get(noun)


def read_corpus(
    images: Path,
    objects: Path,
    captions: Path,
    relations: Path | None,
    root: Path,
    *,
    split: str,
    caption_set: str | None = None,
) -> Corpus:
    """Read and check the tables and the headers of the split's image files; rows that cannot be used are set aside.

    Raises InputError if a table or a file is missing, or the split has no images, no captions or no masks.
    """
    faults: Faults = []
    all_images, all_objects = read_table(images, "images"), read_table(objects, "objects")
    image_rows = sound_images(all_images, images, faults)
    caption_rows = sound_captions(read_caption_set(captions, caption_set), captions, faults)
    _check_known(all_objects.drop_nulls("image_id"), all_images, objects, "object_id")
    _check_known(caption_rows, all_images, captions, "caption_id")
    object_rows = sound_objects(all_objects, image_rows, objects, faults)
    relation_rows = table("relations", [])
    if relations is not None:
        relation_rows = sound_relations(read_table(relations, "relations"), relations, faults)
    split_images = image_rows.filter(pl.col("split") == split).sort("image_id")
    if split_images.is_empty():
        raise InputError(f"no images of split '{split}'", file=images, remedy="name a split that has images")
    split_objects = object_rows.join(split_images, on="image_id", how="semi").sort("image_id", "object_id")
    split_objects = split_objects.with_columns(
        mask=pl.when(~crowds(split_objects)).then("mask")
    )  # crowds are not edited
    if split_objects["mask"].null_count() == split_objects.height:
        raise InputError(
            f"no object in split '{split}' has a mask",
            file=objects,
            remedy="give objects with masks: COCO instances have masks, scene graphs do not",
        )
    split_captions = caption_rows.join(split_images, on="image_id", how="semi").sort("image_id", "caption_id")
    if split_captions.is_empty():
        raise InputError(f"no captions of split '{split}'", file=captions, remedy="give captions of these images")
    check_images(split_images, root)
    related = relation_rows.join(split_images, on="image_id", how="semi")
    annotations = annotate(split_images, split_objects, related, Vocabulary.of(object_rows, image_rows))
    objects_of = _objects(split_objects)
    return Corpus(
        root=Path(root),
        images={
            row[0]: ImageRow(*row) for row in split_images.select("image_id", "file", "width", "height").iter_rows()
        },
        objects={image_id: objects_of.get(image_id, ()) for image_id in annotations},
        captions=_captions(split_captions),
        annotations=annotations,
        words=_words(caption_rows),
        names={noun_group(name): name for name in sorted(object_rows["name"].unique().to_list(), reverse=True)},
        combinations=_combinations(object_rows),
        related=_related(object_rows, relation_rows),
        set_aside=tuple(
            (fault.image_id, f"{fault.problem}; record: {fault.record} of {file.name}") for fault, file in faults
        ),
    )


def _check_known(frame: pl.DataFrame, images: pl.DataFrame, file: Path, key: str) -> None:
    unknown = frame.join(images, on="image_id", how="anti").sort(key)
    if not unknown.is_empty():
        raise InputError(
            f"{unknown.height} rows refer to images that the table of images does not have",
            file=file,
            record=f"{key} {unknown[key][0]} of image {unknown['image_id'][0]}",
            remedy="give tables of one data set",
        )


def _objects(frame: pl.DataFrame) -> dict[str, tuple[ObjectRow, ...]]:
    found: dict[str, list[ObjectRow]] = {}
    columns = ["image_id", "object_id", "name", "x", "y", "w", "h", "mask"]
    for image_id, object_id, name, x, y, w, h, mask in frame.select(columns).iter_rows():
        found.setdefault(image_id, []).append(ObjectRow(object_id, name, (x, y, w, h), mask))
    return {image_id: tuple(rows) for image_id, rows in found.items()}


def _captions(frame: pl.DataFrame) -> dict[str, tuple[CaptionRow, ...]]:
    found: dict[str, list[CaptionRow]] = {}
    for image_id, caption_id, text in frame.select("image_id", "caption_id", "text").iter_rows():
        found.setdefault(image_id, []).append(CaptionRow(caption_id, text))
    return {image_id: tuple(rows) for image_id, rows in found.items()}


def _words(captions: pl.DataFrame) -> Counter[tuple[str, str, str]]:
    known = {word: entry for word, entry in attribute_words().items() if entry[0] in KINDS}
    excluded = set(load("color")["never_new"])
    counts: Counter[tuple[str, str, str]] = Counter()
    for text in captions["text"].to_list():
        for token in tokenize(text):
            entry = known.get(token.lower)
            if entry is not None and entry[1] not in excluded:
                counts[(*entry, token.lower)] += 1
    return counts


def _combinations(objects: pl.DataFrame) -> frozenset[tuple[str, str, str]]:
    found = set()
    rows = objects.select("name", "attributes").explode("attributes").drop_nulls().unique()
    for name, attribute in rows.iter_rows():
        kind = attribute_kind(attribute)
        if kind is not None:
            found.add((noun_group(name), *kind))
    return frozenset(found)


def _related(objects: pl.DataFrame, relations: pl.DataFrame) -> frozenset[tuple[str, str, str]]:
    name = objects.select("object_id", "name")
    rows = (
        relations.join(name.rename({"object_id": "subject_id", "name": "subject"}), on="subject_id")
        .join(name, on="object_id")
        .select("subject", "predicate", "name")
        .unique()
    )
    return frozenset(
        (noun_group(subject), predicate_group(predicate), noun_group(other))
        for subject, predicate, other in rows.rows()
    )
