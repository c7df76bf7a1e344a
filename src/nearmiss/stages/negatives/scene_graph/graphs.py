"""An image's annotations as a small graph: what the scene-graph method reads, in one fixed order.

A crowd (COCO's `iscrowd`) is no node: it has no attributes, relations or box of one object. It only makes the number of
its name unknown, as does a data set that does not mark every object of a name.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from nearmiss.engine.text.annotations import closed_groups, crowds, is_closed
from nearmiss.engine.text.lexicon import noun_group
from nearmiss.stages.negatives.scene_graph.wording import converse, same_name

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
    """An annotated relation between two different nodes."""

    subject: Node
    predicate: str
    object: Node


@dataclass(frozen=True)
class Graph:
    """All annotations of one image. `crowds` are names of groups; `closed` is as `Annotations` has it."""

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
        """How many nodes have each exact name; names whose number is not known are left out."""
        return Counter(node.name for node in self.nodes if self.counts(node.name))

    def counts(self, name: str) -> bool:
        """Whether every object that may go by this name is a node, so that their number is known."""
        if not is_closed(noun_group(name), self.closed):
            return False
        return not any(same_name(name, crowd) for crowd in self.crowds)

    def named(self, name: str, attributes: tuple[str, ...] = ()) -> list[Node]:
        """All nodes with this name that carry all of these attributes."""
        wanted = set(attributes)
        return [node for node in self._by_name.get(name, ()) if wanted.issubset(node.attributes)]

    @cached_property
    def _by_name(self) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(node.name, []).append(node)
        return found

    def states(self, subject: Node, predicate: str, thing: Node) -> bool:
        """Whether this relation between these two nodes is annotated, from whichever end it is told."""
        return (subject.object_id, predicate, thing.object_id) in self._stated

    @cached_property
    def _stated(self) -> frozenset[tuple[str, str, str]]:
        found = {(each.subject.object_id, each.predicate, each.object.object_id) for each in self.triples}
        turned = {(other, back, one) for one, predicate, other in found if (back := converse(predicate)) is not None}
        return frozenset(found | turned)

    def identifying(self, node: Node) -> tuple[str, ...] | None:
        """The fewest attributes that, said with its name, tell the node from all others; None where none do.

        Of several sets of equal size, the first in the order of the annotation. None as well where the search for the
        smallest set takes more than 2,000 steps.
        """
        return self._identifying[node.object_id]

    @cached_property
    def _identifying(self) -> dict[str, tuple[str, ...] | None]:
        return {node.object_id: self._told_apart(node) for node in self.nodes}

    def _told_apart(self, node: Node) -> tuple[str, ...] | None:
        if not self.counts(node.name):
            return None
        lacking = set()
        for other in self._by_name[node.name]:
            if other is not node:
                carried = frozenset(other.attributes)
                lacking.add(sum(1 << at for at, each in enumerate(node.attributes) if each not in carried))
        chosen = smallest_cover(lacking, len(node.attributes))
        return None if chosen is None else tuple(node.attributes[at] for at in chosen)


def graphs(objects: pl.DataFrame, relations: pl.DataFrame, images: pl.DataFrame | None = None) -> list[Graph]:
    """The graphs of all images that have objects, sorted by image, nodes sorted by id, triples by their ids.

    Attributes that are said twice count once; relations of an object to itself, which GQA has, are left out.
    """
    nodes: dict[str, dict[str, Node]] = {}
    grouped: dict[str, set[str]] = {}
    for row in objects.with_columns(crowds(objects)).sort("image_id", "object_id").iter_rows(named=True):
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
    columns = ["image_id", "subject_id", "predicate", "object_id"]
    for image_id, subject_id, predicate, object_id in relations.select(columns).unique().sort(columns).iter_rows():
        of_image = nodes.get(image_id, {})
        if subject_id != object_id and subject_id in of_image and object_id in of_image:
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
    """The smallest set of numbers below `size` that has one of each of `sets`, whose bits are numbers.

    It says which attributes tell an object from all others of its name. Of several, the first in dictionary order. None
    where there is none, or where the search takes more than MAX_STEPS (our choice): Minimum Hitting Set is NP-hard.
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
    """A cover of at most `most` numbers from `start` on; None where there is none, or where no step is left."""
    if not sets:
        return []
    steps[0] -= 1
    if steps[0] <= 0 or _disjoint(sets, start) > most:
        return None
    last = min(each.bit_length() for each in sets)  # beyond, one of the sets has no number left
    for at in range(start, last):
        rest = [each for each in sets if not each >> at & 1]
        if len(rest) == len(sets):
            continue
        found = _cover(rest, at + 1, most - 1, steps)
        if found is not None:
            return [at, *found]
    return None


def _disjoint(sets: list[int], start: int) -> int:
    """How many of the sets, from `start` on, share no number: a cover needs at least one for each."""
    count = used = 0
    for each in sets:
        if not (each >> start << start) & used:
            count, used = count + 1, used | each
    return count
