"""The annotations of one image as the check uses them: groups of the lexicons, boxes, relations.

`Vocabulary` is the set of words that the annotators of a corpus used: an unannotated cube counts as absent only where
annotators name cubes at all. COCO marks a crowd with one box, so its number of objects is unknown. LVIS (Gupta et al.,
CVPR 2019) verifies a few categories per image: only those are annotated exhaustively or known to be absent. In scene
graphs of GQA and Visual Genome, annotators named what they noticed: absence from such a graph is evidence, not proof.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import polars as pl

from nearmiss.engine.text.lexicon import attribute_kind, hypernyms, load, noun_group
from nearmiss.engine.text.scene_graphs.predicates import complement

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Vocabulary:
    """`names` as annotated; `nouns` their groups and what these belong to."""

    names: frozenset[str] = frozenset()
    nouns: frozenset[str] = frozenset()

    @classmethod
    def of(cls, objects: pl.DataFrame, images: pl.DataFrame | None = None) -> "Vocabulary":
        """The vocabulary of a table `objects`, and of the names that a table `images` lists as annotated or absent."""
        names = frozenset(objects["name"].unique().to_list())
        if images is not None and "closed" in images.columns:
            names |= frozenset(images["closed"].explode().drop_nulls().unique().to_list())
        groups = {noun_group(name) for name in names}
        return cls(names, frozenset(groups.union(*(hypernyms(group) for group in groups))))


@dataclass(frozen=True)
class Annotated:
    """An annotated object. `attributes` are (kind, group), the kind "" where no lexicon has the word.

    A `crowd` is a group of objects under one box: they exist, but nothing else is known about them.
    """

    object_id: str
    noun: str
    attributes: frozenset[tuple[str, str]]
    box: Box
    crowd: bool = False


@dataclass(frozen=True)
class Annotations:
    """An image of `width` x `height` pixels: its objects, and relations (subject id, predicate, object id).

    A predicate with a posture ("standing on") occurs also without it. `closed` are the groups of nouns of which every
    object of the image is annotated; None where that holds for the whole vocabulary. If the annotations are not
    `exhaustive`, a statement that only absence contradicts is not verified (`without_absence`). Objects are `countable`
    if numbers follow from the annotations.
    """

    width: float
    height: float
    objects: tuple[Annotated, ...]
    relations: frozenset[tuple[str, str, str]]
    vocabulary: Vocabulary
    closed: frozenset[str] | None = None
    exhaustive: bool = True
    countable: bool = True

    def without_absence(self) -> "Annotations":
        """The annotations without what follows from absence only.

        Objects of a name without annotation may exist, and numbers are unknown. A mention of an annotated name refers
        to the annotated objects, so that their attributes and relations can contradict it.
        """
        return replace(self, closed=frozenset(each.noun for each in self.objects), countable=False)

    def marks_all(self, noun: str) -> bool:
        """Whether every object of this noun is annotated in the image."""
        if noun not in self.vocabulary.nouns:
            return False
        return is_closed(noun, self.closed)

    def counts(self, noun: str) -> bool:
        """Whether the number of objects of this noun is known: all are annotated, and none in a crowd."""
        return (
            self.countable
            and self.marks_all(noun)
            and not any(may_be(noun, each.noun) for each in self.objects if each.crowd)
        )


def is_closed(noun: str, closed: frozenset[str] | None) -> bool:
    """Whether every object of a noun is annotated, given the nouns `closed` (None: all).

    It holds for hyponyms of closed nouns: where all people are annotated, all men are.
    """
    return closed is None or not closed.isdisjoint((noun, *hypernyms(noun), *_endings(noun)))


@cache
def may_be(claimed: str, noun: str) -> bool:
    """Whether an object annotated as `noun` may be called `claimed` by a caption, both given as groups."""
    if claimed == noun or claimed in hypernyms(noun) or noun in hypernyms(claimed):
        return True
    return noun.endswith(f" {claimed}") or claimed.endswith(f" {noun}")


def relatives(nouns: Iterable[str]) -> dict[str, frozenset[str]]:
    """For each of some groups of nouns, those that it may be (see `may_be`), itself included."""
    known = sorted(set(nouns))
    wider = {noun: {noun, *hypernyms(noun), *_endings(noun)} for noun in known}
    found: dict[str, set[str]] = {noun: {noun} for noun in known}
    for noun, others in wider.items():
        for other in others & found.keys():
            found[noun].add(other)
            found[other].add(noun)
    return {noun: frozenset(others) for noun, others in found.items()}


def _endings(noun: str) -> list[str]:
    """The last words of a name: "bat" of "baseball bat"."""
    words = noun.split()
    return [" ".join(words[at:]) for at in range(1, len(words))]


def annotated(object_id: str, name: str, attributes: list[str], box: Box, crowd: bool = False) -> Annotated:
    """An object from the words of its annotation."""
    kinds = frozenset(attribute_kind(word) or ("", word.lower()) for word in attributes)
    return Annotated(object_id, noun_group(name), kinds, box, crowd)


@cache
def predicate_group(predicate: str) -> str:
    """The canonical form of a relation: "near" for "next to", "standing near" for "standing next to"."""
    bare = without_posture(predicate)
    posture = predicate.removesuffix(bare)
    for name, words in load("location")["relations"].items():
        if bare in words:
            return posture + str(name)
    return predicate


@cache
def without_posture(predicate: str) -> str:
    """The predicate without posture: "on" for "standing on"."""
    posture, _, position = predicate.partition(" ")
    return position if position and posture in load("grammar")["postures"] else predicate


def annotate(
    images: pl.DataFrame, objects: pl.DataFrame, relations: pl.DataFrame, vocabulary: Vocabulary
) -> dict[str, Annotations]:
    """The annotations of each image that has objects, from the tables."""
    sizes: Mapping[str, tuple[float, float]] = {
        image_id: (width, height)
        for image_id, width, height in images.select("image_id", "width", "height").iter_rows()
    }
    closed, partial = closed_groups(images), not_exhaustive(images)
    by_image: dict[str, list[Annotated]] = {}
    columns = ["image_id", "object_id", "name", "attributes", "x", "y", "w", "h"]
    rows = objects.select(*columns, crowds(objects)).sort(columns[:2])
    for image_id, object_id, name, attributes, x, y, w, h, crowd in rows.iter_rows():
        if image_id in sizes:
            by_image.setdefault(image_id, []).append(annotated(object_id, name, attributes or [], (x, y, w, h), crowd))
    related: dict[str, set[tuple[str, str, str]]] = {}
    stated = relations["predicate"].unique().to_list()
    canonical = {predicate: predicate_group(complement(predicate) or predicate) for predicate in stated}
    for image_id, subject, predicate, obj in relations.select(
        "image_id", "subject_id", "predicate", "object_id"
    ).iter_rows():
        known = related.setdefault(image_id, set())
        known |= {(subject, each, obj) for each in (canonical[predicate], without_posture(canonical[predicate]))}
    return {
        image_id: Annotations(
            *sizes[image_id],
            tuple(found),
            frozenset(related.get(image_id, ())),
            vocabulary,
            closed.get(image_id),
            image_id not in partial,
        )
        for image_id, found in sorted(by_image.items())
    }


def crowds(objects: pl.DataFrame) -> pl.Expr:
    """Whether each row of a table `objects` is a crowd, as column `crowd`."""
    return (pl.col("crowd").fill_null(False) if "crowd" in objects.columns else pl.lit(False)).alias("crowd")


def closed_groups(images: pl.DataFrame) -> dict[str, frozenset[str]]:
    """The exhaustively annotated groups of nouns, for images where not all groups are."""
    if "closed" not in images.columns:
        return {}
    stated = images.select("image_id", "closed").drop_nulls("closed")
    return {image_id: frozenset(map(noun_group, names)) for image_id, names in stated.iter_rows()}


def not_exhaustive(images: pl.DataFrame) -> frozenset[str]:
    """Ids of the images of which the annotators did not mark every object that they have a word for."""
    if "exhaustive" not in images.columns:
        return frozenset()
    return frozenset(images.filter(pl.col("exhaustive").eq(False))["image_id"])
