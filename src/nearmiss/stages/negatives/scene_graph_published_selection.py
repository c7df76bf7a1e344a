"""HNC's plausible selection as published: strict mode with the box filter, as the released files' names say.

A replacement comes from the same scene, must have been seen in its place, and is drawn by the counts. Nothing is held
against the scene's own annotations: what they say of the replacement, or of another thing of its name, is drawn too.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from random import Random

from nearmiss.engine.text.inflection import singular
from nearmiss.stages.negatives.scene_graph_graphs import Graph, Node, Triple
from nearmiss.stages.negatives.scene_graph_published_defects import seems_true
from nearmiss.stages.negatives.scene_graph_statistics import Counts, Statistics, draw

_PATIENCE = 5  # draws of an entity with an attribute (`rel_attr_patience`)


@dataclass(frozen=True)
class PublishedSelector:
    """Draws replacements for one image as the release does, from a generator with a seed."""

    graph: Graph
    statistics: Statistics
    rng: Random

    def entity(self, triple: Triple, replaced: Node, excluded: Collection[Node] = ()) -> Node | None:
        """Another thing of the scene for the subject or the object; not checked against the annotated triples."""
        return self._named(self._candidates(triple, replaced, excluded), self._seen(triple, replaced))

    def entity_with_attribute(self, triple: Triple, replaced: Node) -> tuple[Node, str] | None:
        """Another thing that can have an attribute of the replaced one and is not annotated with it.

        Another thing of the same name may be.
        """
        candidates, seen = self._candidates(triple, replaced, ()), self._seen(triple, replaced)
        for _ in range(_PATIENCE):
            node = self._named(candidates, seen)
            if node is None:
                return None
            known = self.statistics.attributes.get(node.name, Counts())
            shared = [value for value in known if value in replaced.attributes and value not in node.attributes]
            if shared:
                value = _sample(known, shared, self.rng)
                return None if value is None else (node, value)
        return None

    def predicate(self, triple: Triple, *, by_boxes: bool = True) -> str | None:
        """Another predicate of the scene. Where none is left, the empty list is no restriction: even the true one may
        be drawn."""
        used = sorted({each.predicate for each in self.graph.triples} - {triple.predicate})
        subject, thing = triple.subject, triple.object
        if by_boxes:
            used = [each for each in used if not seems_true(each, subject.box, thing.box)]
        return _sample(self.statistics.predicates.get((subject.name, thing.name), Counts()), used, self.rng)

    def attribute(self, name: str, value: str) -> str | None:
        """Another attribute that has been seen of the name; what the scene's things carry is not left out."""
        known = self.statistics.attributes.get(name, Counts())
        return draw({other: number for other, number in known.items() if other != value}, self.rng)

    def bearer(self, node: Node, value: str) -> Node | None:
        """Another thing whose name has been seen with the attribute; things of the same name and things that carry it
        in this scene are not left out, so a sentence can be its own negative."""
        able = self.statistics.bearers.get(value, Counts())
        found = {other.name: other for other in self.graph.nodes if other is not node and other.name in able}
        return self._named(found, self.statistics.names)

    def number(self, name: str, true: int) -> int | None:
        """Another number that the name occurs in."""
        known = self.statistics.numbers.get(singular(name), Counter[int]())
        return draw({other: images for other, images in known.items() if other != true}, self.rng)

    def _seen(self, triple: Triple, replaced: Node) -> Mapping[str, int]:
        if replaced is triple.subject:
            return self.statistics.subjects.get((triple.predicate, triple.object.name), Counts())
        return self.statistics.objects.get((triple.subject.name, triple.predicate), Counts())

    def _candidates(self, triple: Triple, replaced: Node, excluded: Collection[Node]) -> dict[str, Node]:
        """One thing of each other name: of several, the last one alone meets the box test's result."""
        taken = {singular(node.name) for node in (triple.subject, triple.object, *excluded)}
        found: dict[str, Node] = {}
        for node in self.graph.nodes:
            if node is replaced or singular(node.name) in taken or any(node is each for each in excluded):
                continue
            boxes = (node.box, triple.object.box) if replaced is triple.subject else (triple.subject.box, node.box)
            if not seems_true(triple.predicate, *boxes):
                found[node.name] = node
        return found

    def _named(self, candidates: Mapping[str, Node], seen: Mapping[str, int]) -> Node | None:
        name = _sample(seen, candidates, self.rng)
        return None if name is None else candidates.get(name)


def _sample(seen: Mapping[str, int], valid: Collection[str], rng: Random) -> str | None:
    """A weighted draw; an empty list of valid keys restricts nothing, as published."""
    return draw({key: seen[key] for key in valid if key in seen} if valid else seen, rng)
