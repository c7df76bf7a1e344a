"""What the stage reads: pictures of one split with their things, captions, and the words that the data use."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_caption_set, read_table, table
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

KINDS = ("color", "size")  # kinds of words that operations exchange; what else is known of a thing is left as it is


@dataclass(frozen=True)
class Picture:
    """A row of table `images`."""

    image_id: str
    file: str
    width: int
    height: int


@dataclass(frozen=True)
class Object:
    """A row of table `objects`."""

    object_id: str
    name: str
    box: Box
    mask: str | None


@dataclass(frozen=True)
class Said:
    """A row of table `captions`."""

    caption_id: str
    text: str


@dataclass(frozen=True)
class Corpus:
    """Everything that edits of one split are made of; plain values, so that it travels to other processes."""

    root: Path
    pictures: dict[str, Picture]
    objects: dict[str, tuple[Object, ...]]
    captions: dict[str, tuple[Said, ...]]
    annotations: dict[str, Annotations]
    words: Counter[tuple[str, str, str]]
    """How often the captions use each (kind, group, word)."""
    names: dict[str, str]
    """Group of nouns -> the name that annotators give it."""
    combinations: frozenset[tuple[str, str, str]]
    """(noun, kind, group) of everything annotated in any split."""
    related: frozenset[tuple[str, str, str]]
    """(noun, predicate, noun) of every relation annotated in any split."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Where pictures come from, by image id, as far as it is known."""
    set_aside: tuple[tuple[str | None, str], ...] = ()
    """(image, reason) of rows of the tables that cannot be used."""
    unfit: set[str] = field(default_factory=set, compare=False)
    """Donors that were found not to be there whole, so that none is looked at again."""

    @cached_property
    def donors(self) -> tuple[Donor, ...]:
        """The things of the split that have a mask and a box, sorted, with what annotators noted of them."""
        return tuple(
            Donor(
                row.object_id, image_id, thing.noun, values_of(thing), row.box, family(thing.noun), meters(thing.noun)
            )
            for image_id, annotations in sorted(self.annotations.items())
            for row, thing in zip(self.objects[image_id], annotations.objects, strict=True)
            if row.mask is not None and min(row.box[2:]) > 0
        )

    @cached_property
    def nouns(self) -> frozenset[str]:
        """Names that annotators use, for reading captions."""
        return next((each.vocabulary.names for each in self.annotations.values()), frozenset())

    @cached_property
    def known(self) -> dict[str, tuple[str, ...]]:
        """kind -> groups that the captions have a word for, sorted."""
        return {kind: tuple(sorted({group for each, group, _ in self.words if each == kind})) for kind in KINDS}

    def word(self, kind: str, group: str) -> str:
        """The word that the captions use most for a group; ties go to the alphabet."""
        counts = {word: count for (each, name, word), count in self.words.items() if (each, name) == (kind, group)}
        return min(counts, key=lambda word: (-counts[word], word)) if counts else group

    def unfamiliar(self, noun: str, values: Mapping[str, str], edited: str) -> str | None:
        """Why a pair would show or tell what the data never do, or None.

        So that nothing that a benchmark holds back (a blue star, where no star of the data is blue) gets into pairs
        that count as usual ones. Kinds and predicates that nobody annotated say nothing.
        """
        noted = {kind for _, kind, _ in self.combinations}
        for kind in sorted(values.keys() & noted):
            if (noun, kind, values[kind]) not in self.combinations:
                return "no thing of the data is like it"
        caption = parse(edited, self.nouns)
        predicates = {predicate for _, predicate, _ in self.related}
        if caption is None:
            return None
        for subject, predicate, other in caption.relations:
            told = (caption.mentions[subject].noun, predicate, caption.mentions[other].noun)
            turned = (told[2], inverse(predicate), told[0])
            if predicate in predicates and told not in self.related and turned not in self.related:
                return "no two things of the data are so related"
        return None


def values_of(thing: Annotated) -> dict[str, str]:
    """kind -> group of each kind of which a thing has one value."""
    found: dict[str, set[str]] = {}
    for kind, group in thing.attributes:
        found.setdefault(kind, set()).add(group)
    return {kind: min(groups) for kind, groups in sorted(found.items()) if kind and len(groups) == 1}


def family(noun: str) -> tuple[str, ...]:
    """What sort of thing it is by the lexicon; () where it does not know it."""
    return tuple(load("object")["groups"].get(noun, {}).get("kinds", ()))


def meters(noun: str) -> float | None:
    """The usual length of a thing's longest side, an estimate of ours; None where the lexicon has none."""
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

    Raises InputError where a table or a file is missing, the split has no pictures, no captions, or no masks at all.
    """
    faults: Faults = []
    listed, marked = read_table(images, "images"), read_table(objects, "objects")
    shown = sound_images(listed, images, faults)
    said = sound_captions(read_caption_set(captions, caption_set), captions, faults)
    _check_known(marked.drop_nulls("image_id"), listed, objects, "object_id")
    _check_known(said, listed, captions, "caption_id")
    things = sound_objects(marked, shown, objects, faults)
    stated = table("relations", [])
    if relations is not None:
        stated = sound_relations(read_table(relations, "relations"), relations, faults)
    own = shown.filter(pl.col("split") == split).sort("image_id")
    if own.is_empty():
        raise InputError(f"no images of split '{split}'", file=images, remedy="name a split that has images")
    their = things.join(own, on="image_id", how="semi").sort("image_id", "object_id")
    their = their.with_columns(mask=pl.when(~crowds(their)).then("mask"))  # a crowd is there and is not edited
    if their["mask"].null_count() == their.height:
        raise InputError(
            f"no thing in split '{split}' has a mask",
            file=objects,
            remedy="give objects with masks: COCO instances have them, scene graphs have not",
        )
    told = said.join(own, on="image_id", how="semi").sort("image_id", "caption_id")
    if told.is_empty():
        raise InputError(f"no captions of split '{split}'", file=captions, remedy="give captions of these images")
    check_images(own, root)
    related = stated.join(own, on="image_id", how="semi")
    annotations = annotate(own, their, related, Vocabulary.of(things, shown))
    objects_of = _objects(their)
    return Corpus(
        root=Path(root),
        pictures={row[0]: Picture(*row) for row in own.select("image_id", "file", "width", "height").iter_rows()},
        objects={image_id: objects_of.get(image_id, ()) for image_id in annotations},
        captions=_captions(told),
        annotations=annotations,
        words=_words(said),
        names={noun_group(name): name for name in sorted(things["name"].unique().to_list(), reverse=True)},
        combinations=_combinations(things),
        related=_related(things, stated),
        set_aside=tuple(
            (fault.image_id, f"{fault.problem}; record: {fault.record} of {file.name}") for fault, file in faults
        ),
    )


def _check_known(frame: pl.DataFrame, images: pl.DataFrame, file: Path, key: str) -> None:
    unknown = frame.join(images, on="image_id", how="anti").sort(key)
    if not unknown.is_empty():
        raise InputError(
            f"{unknown.height} rows are of images that the table of images does not have",
            file=file,
            record=f"{key} {unknown[key][0]} of image {unknown['image_id'][0]}",
            remedy="give tables of one data set",
        )


def _objects(frame: pl.DataFrame) -> dict[str, tuple[Object, ...]]:
    found: dict[str, list[Object]] = {}
    columns = ["image_id", "object_id", "name", "x", "y", "w", "h", "mask"]
    for image_id, object_id, name, x, y, w, h, mask in frame.select(columns).iter_rows():
        found.setdefault(image_id, []).append(Object(object_id, name, (x, y, w, h), mask))
    return {image_id: tuple(rows) for image_id, rows in found.items()}


def _captions(frame: pl.DataFrame) -> dict[str, tuple[Said, ...]]:
    found: dict[str, list[Said]] = {}
    for image_id, caption_id, text in frame.select("image_id", "caption_id", "text").iter_rows():
        found.setdefault(image_id, []).append(Said(caption_id, text))
    return {image_id: tuple(rows) for image_id, rows in found.items()}


def _words(captions: pl.DataFrame) -> Counter[tuple[str, str, str]]:
    known = {word: entry for word, entry in attribute_words().items() if entry[0] in KINDS}
    barred = set(load("color")["never_new"])
    counts: Counter[tuple[str, str, str]] = Counter()
    for text in captions["text"].to_list():
        for token in tokenize(text):
            entry = known.get(token.lower)
            if entry is not None and entry[1] not in barred:
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
