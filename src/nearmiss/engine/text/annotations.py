"""The annotations of one image as the check reads them: groups of the lexicons, boxes, relations.

`Vocabulary` is what the annotators of a corpus had words for: that no cube is annotated speaks against a cube only
where annotators name cubes at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import polars as pl

from nearmiss.engine.text.lexicon import attribute_kind, hypernyms, load, noun_group

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Vocabulary:
    """`names` as annotated; `nouns` their groups and what these belong to."""

    names: frozenset[str] = frozenset()
    nouns: frozenset[str] = frozenset()

    @classmethod
    def of(cls, objects: pl.DataFrame) -> "Vocabulary":
        """The vocabulary of a table `objects`."""
        names = frozenset(objects["name"].unique().to_list())
        groups = {noun_group(name) for name in names}
        return cls(names, frozenset(groups.union(*(hypernyms(group) for group in groups))))


@dataclass(frozen=True)
class Annotated:
    """An annotated object. `attributes` are (kind, group), the kind "" where no lexicon has the word."""

    object_id: str
    noun: str
    attributes: frozenset[tuple[str, str]]
    box: Box


@dataclass(frozen=True)
class Annotations:
    """An image of `width` x `height` pixels: its objects, and relations (subject id, predicate, object id).

    What stands on something is also on it: a predicate with a posture is there twice.
    """

    width: float
    height: float
    objects: tuple[Annotated, ...]
    relations: frozenset[tuple[str, str, str]]
    vocabulary: Vocabulary


def annotated(object_id: str, name: str, attributes: list[str], box: Box) -> Annotated:
    """An object from the words of its annotation."""
    kinds = frozenset(attribute_kind(word) or ("", word.lower()) for word in attributes)
    return Annotated(object_id, noun_group(name), kinds, box)


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
    """The place alone: "on" for "standing on"."""
    posture, _, place = predicate.partition(" ")
    return place if place and posture in load("grammar")["postures"] else predicate


def annotate(
    images: pl.DataFrame, objects: pl.DataFrame, relations: pl.DataFrame, vocabulary: Vocabulary
) -> dict[str, Annotations]:
    """The annotations of each image that has objects, from the tables."""
    sizes: Mapping[str, tuple[float, float]] = {
        image_id: (width, height)
        for image_id, width, height in images.select("image_id", "width", "height").iter_rows()
    }
    things: dict[str, list[Annotated]] = {}
    columns = ["image_id", "object_id", "name", "attributes", "x", "y", "w", "h"]
    for image_id, object_id, name, attributes, x, y, w, h in objects.select(columns).sort(columns[:2]).iter_rows():
        if image_id in sizes:
            things.setdefault(image_id, []).append(annotated(object_id, name, attributes or [], (x, y, w, h)))
    related: dict[str, set[tuple[str, str, str]]] = {}
    canonical = {predicate: predicate_group(predicate) for predicate in relations["predicate"].unique().to_list()}
    for image_id, subject, predicate, thing in relations.select(
        "image_id", "subject_id", "predicate", "object_id"
    ).iter_rows():
        known = related.setdefault(image_id, set())
        known |= {(subject, each, thing) for each in (canonical[predicate], without_posture(canonical[predicate]))}
    return {
        image_id: Annotations(*sizes[image_id], tuple(found), frozenset(related.get(image_id, ())), vocabulary)
        for image_id, found in sorted(things.items())
    }
