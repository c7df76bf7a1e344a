"""Annotations of an image as a graph with a fixed order, the input of the scene-graph method.

A crowd (`iscrowd` of COCO) is no node: it has no attributes, relations or box of one object. The count of its name is
unknown, as in data sets that do not annotate every object of a name.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from nearmiss.engine.text.annotations import closed_groups, crowds, is_closed
from nearmiss.engine.text.lexicon import noun_group
from nearmiss.engine.text.scene_graphs.predicates import complement
from nearmiss.engine.text.scene_graphs.wording import converse, numeral, same_name, whole_scene

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Node:
    """An annotated object. `box` is x, y, w, h in pixels; attributes keep the order of the annotation."""

    object_id: str
    name: str
    attributes: tuple[str, ...]
    box: Box


@dataclass(frozen=True)
class Triple:
    """An annotated relation, of two different nodes except in `listed_graphs`."""

    subject: Node
    predicate: str
    object: Node


@dataclass(frozen=True)
class Graph:
    """All annotations of one image. `crowds` are names of groups; `closed`: see `Annotations`."""

    image_id: str
    nodes: tuple[Node, ...]
    triples: tuple[Triple, ...]
    crowds: frozenset[str] = frozenset()
    closed: frozenset[str] | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all nodes and crowds, sorted."""
        return tuple(sorted({node.name for node in self.nodes} | self.crowds))

    @cached_property
    def numbers(self) -> Counter[str]:
        """Number of nodes by exact name, without names of unknown count."""
        return Counter(node.name for node in self.nodes if self.is_counted(node.name))

    def is_counted(self, name: str) -> bool:
        """Whether every object that may have this name is a node, so that their number is known."""
        if not is_closed(noun_group(name), self.closed):
            return False
        return not any(same_name(name, crowd) for crowd in self.crowds)

    def named(self, name: str, attributes: tuple[str, ...] = ()) -> list[Node]:
        """All nodes with this name and all of these attributes."""
        wanted = set(attributes)
        return [node for node in self._by_name.get(name, ()) if wanted.issubset(node.attributes)]

    @cached_property
    def _by_name(self) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(node.name, []).append(node)
        return found

    def has_relation(self, subject: Node, predicate: str, obj: Node) -> bool:
        """Whether this relation between these two nodes is annotated, directly or by its converse."""
        return (subject.object_id, predicate, obj.object_id) in self._relations

    @cached_property
    def _relations(self) -> frozenset[tuple[str, str, str]]:
        found = {(each.subject.object_id, each.predicate, each.object.object_id) for each in self.triples}
        turned = {(other, back, one) for one, predicate, other in found if (back := converse(predicate)) is not None}
        return frozenset(found | turned)

    def identifying_attributes(self, node: Node) -> tuple[str, ...] | None:
        """The smallest set of attributes that, with the name, identifies the node; None if there is none.

        Of several sets of equal size, the first in the order of the annotation. Also None if the search for the
        smallest set takes more than 2,000 steps.
        """
        return self._identifying[node.object_id]

    @cached_property
    def _identifying(self) -> dict[str, tuple[str, ...] | None]:
        return {node.object_id: self._distinguishing(node) for node in self.nodes}

    def _distinguishing(self, node: Node) -> tuple[str, ...] | None:
        if not self.is_counted(node.name):
            return None
        lacking = set()
        for other in self._by_name[node.name]:
            if other is not node:
                attributes = frozenset(other.attributes)
                lacking.add(sum(1 << at for at, each in enumerate(node.attributes) if each not in attributes))
        chosen = smallest_cover(lacking, len(node.attributes))
        return None if chosen is None else tuple(node.attributes[at] for at in chosen)


_RELATION = ("image_id", "subject_id", "predicate", "object_id")


def graphs(objects: pl.DataFrame, relations: pl.DataFrame, images: pl.DataFrame | None = None) -> list[Graph]:
    """The graphs of all images that have objects, sorted by image, nodes sorted by id, triples by their ids.

    Repeated attributes count once; relations of an object to itself, which GQA has, are left out. So are words of the
    whole photograph as objects and numerals as attributes. Predicates are complements of "be" (predicates.py).
    """
    between_two = _complements(relations.select(_RELATION).filter(pl.col("subject_id") != pl.col("object_id")))
    return _graphs(_stated(objects).sort("image_id", "object_id"), between_two.unique().sort(_RELATION), images)


def _stated(objects: pl.DataFrame) -> pl.DataFrame:
    """The objects of which sentences are made, with the attributes that may be stated of one object."""
    scenes = [name for name in objects["name"].unique() if whole_scene(name)]
    values = objects["attributes"].explode().drop_nulls().unique()
    numerals = [each for each in values if numeral(each)]
    if scenes:
        objects = objects.filter(~pl.col("name").is_in(scenes))
    if numerals:
        kept = pl.element().filter(~pl.element().is_in(numerals))
        objects = objects.with_columns(pl.col("attributes").list.eval(kept))
    return objects


def _complements(relations: pl.DataFrame) -> pl.DataFrame:
    """The relations with predicates as they follow "be"; one without such a form stays, and no sentence states it."""
    forms = {each: complement(each) or each for each in relations["predicate"].drop_nulls().unique()}
    changed = {old: new for old, new in forms.items() if old != new}
    return relations.with_columns(pl.col("predicate").replace(changed)) if changed else relations


def listed_graphs(objects: pl.DataFrame, relations: pl.DataFrame, images: pl.DataFrame | None = None) -> list[Graph]:
    """The graphs with nodes and triples in the order of the annotation file, for rules that depend on it.

    All relations are triples, those of an object to itself too. The order is that of column `position`, and that of
    `graphs` in tables without it.
    """
    return _graphs(_listed(objects, "image_id", "object_id"), _listed(relations, *_RELATION), images)


def _listed(frame: pl.DataFrame, *keys: str) -> pl.DataFrame:
    return frame.sort(["position"] if "position" in frame.columns else keys, nulls_last=True, maintain_order=True)


def _graphs(objects: pl.DataFrame, relations: pl.DataFrame, images: pl.DataFrame | None) -> list[Graph]:
    """The graphs with nodes and triples in the order of the rows."""
    nodes: dict[str, dict[str, Node]] = {}
    grouped: dict[str, set[str]] = {}
    for row in objects.with_columns(crowds(objects)).iter_rows(named=True):
        of_image = nodes.setdefault(row["image_id"], {})
        if row["crowd"]:
            grouped.setdefault(row["image_id"], set()).add(row["name"])
            continue
        node = Node(
            row["object_id"],
            row["name"],
            tuple(dict.fromkeys(row["attributes"] or ())),
            (row["x"], row["y"], row["w"], row["h"]),
        )
        of_image[node.object_id] = node
    triples: dict[str, list[Triple]] = {image_id: [] for image_id in nodes}
    for image_id, subject_id, predicate, object_id in relations.select(_RELATION).iter_rows():
        of_image = nodes.get(image_id, {})
        if subject_id in of_image and object_id in of_image:
            triples[image_id].append(Triple(of_image[subject_id], predicate, of_image[object_id]))
    closed = {} if images is None else closed_groups(images)
    return [
        Graph(
            image_id,
            tuple(of_image.values()),
            tuple(triples[image_id]),
            frozenset(grouped.get(image_id, ())),
            closed.get(image_id),
        )
        for image_id, of_image in sorted(nodes.items())
    ]


MAX_STEPS = 2000


def smallest_cover(sets: Collection[int], size: int) -> list[int] | None:
    """The smallest hitting set: numbers below `size` that intersect each of `sets`, which are bit sets.

    It selects the attributes that identify an object among those of its name. Of several, the first in lexicographic
    order. None if there is none or the search takes more than MAX_STEPS (our choice; the problem is NP-hard).
    """
    if 0 in sets:
        return None
    needed = sorted(each for each in sets if not any(other != each and other & each == other for other in sets))
    steps = [MAX_STEPS]
    for most in range(size + 1):
        found = _cover(needed, 0, most, steps)
        if found is not None or steps[0] <= 0:
            return found
    return None


def _cover(sets: list[int], start: int, most: int, steps: list[int]) -> list[int] | None:
    """A hitting set of at most `most` numbers >= `start`; None if there is none or no step is left."""
    if not sets:
        return []
    steps[0] -= 1
    if steps[0] <= 0 or _disjoint(sets, start) > most:
        return None
    last = min(each.bit_length() for each in sets)  # from `last` on, one of the sets has no number
    for at in range(start, last):
        rest = [each for each in sets if not each >> at & 1]
        if len(rest) == len(sets):
            continue
        found = _cover(rest, at + 1, most - 1, steps)
        if found is not None:
            return [at, *found]
    return None


def _disjoint(sets: list[int], start: int) -> int:
    """Lower bound of the size of a hitting set: number of pairwise disjoint sets, from `start` on."""
    count = used = 0
    for each in sets:
        if not (each >> start << start) & used:
            count, used = count + 1, used | each
    return count
