"""Replacement of an attribute, an entity, a predicate or a number (HNC's plausible selection, corrected).

As published: candidates come from the same scene graph, must be counted in that position (strict mode), and are
drawn in proportion to the training counts. Corrected: candidates that the annotations state of any object of
the name are excluded; an attribute is replaced by one of the same kind. Our choice: if the scene has no other entity,
which is usual in scenes of two objects, one that is absent from the scene is drawn from the counts.

HNC counted its tables (`meta_info` of the selector) over the training and validation graphs of GQA; here they are
counted over the given graphs, those of the training split, in one pass.

The box test of HNC (its noisy detector) is corrected too: the published code uses the height of one box for the area of
the other, accepts left/right where columns overlap, and does not test nearness. Here a false triple is rejected if the
boxes allow it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from nearmiss.engine.text.lexicon import attribute_kind
from nearmiss.engine.text.scene_graphs.graphs import Box, Graph, Node, Triple
from nearmiss.engine.text.scene_graphs.wording import comparable, opposites, same_name, unfit, writable

K = TypeVar("K", str, int)
Counts = Counter[str]


@dataclass
class Statistics:
    """Counts over graphs; the names of the tables of HNC are in parentheses.

    names (obj_counts), attributes of a name (obj_to_attr_counts) and its reverse, bearers; subjects of (predicate,
    object) (pred_obj_to_subj_counts), objects of (subject, predicate) (subj_pred_to_obj_counts), predicates of
    (subject, object) (subj_obj_to_pred_counts), numbers of a name: number of images by the count of the name
    (all_obj_counts). equal, unequal (ours): pairs of names with equal and unequal counts in an image.
    """

    names: Counts = field(default_factory=Counter)
    attributes: dict[str, Counts] = field(default_factory=dict)
    bearers: dict[str, Counts] = field(default_factory=dict)
    subjects: dict[tuple[str, str], Counts] = field(default_factory=dict)
    objects: dict[tuple[str, str], Counts] = field(default_factory=dict)
    predicates: dict[tuple[str, str], Counts] = field(default_factory=dict)
    numbers: dict[str, Counter[int]] = field(default_factory=dict)
    equal: int = 0
    unequal: int = 0

    def add(self, graph: Graph) -> None:
        """Count one more graph."""
        for node in graph.nodes:
            self.names[node.name] += 1
            for attribute in node.attributes:
                self.attributes.setdefault(node.name, Counter())[attribute] += 1
                self.bearers.setdefault(attribute, Counter())[node.name] += 1
        for triple in graph.triples:
            subject, predicate, obj = triple.subject.name, triple.predicate, triple.object.name
            self.subjects.setdefault((predicate, obj), Counter())[subject] += 1
            self.objects.setdefault((subject, predicate), Counter())[obj] += 1
            self.predicates.setdefault((subject, obj), Counter())[predicate] += 1
        for name, number in graph.numbers.items():
            self.numbers.setdefault(name, Counter())[number] += 1
        for one, other in comparable(graph.numbers):
            if graph.numbers[one] == graph.numbers[other]:
                self.equal += 1
            else:
                self.unequal += 1


def count(graphs: Iterable[Graph]) -> Statistics:
    """Statistics of all graphs, in one pass."""
    statistics = Statistics()
    for graph in graphs:
        statistics.add(graph)
    return statistics


def draw(weights: Mapping[K, int], rng: Random) -> K | None:
    """A key drawn in proportion to its count; None if there is none. Independent of the order of the mapping."""
    total = sum(weights.values())
    if total == 0:
        return None
    position = rng.randrange(total)
    for key in sorted(weights):
        position -= weights[key]
        if position < 0:
            return key
    raise AssertionError("unreachable: counts are positive")


_ABOVE = frozenset(["above", "over", "on", "on top of", "standing on", "sitting on", "lying on", "lying on top of"])
_BELOW = frozenset(["below", "under", "beneath", "underneath", "on the bottom of", "sitting under", "standing under"])
_SHARING = frozenset(["in", "inside", "around", "behind", "in front of", "covering", "covered by", "surrounding"])
_NEAR = frozenset(["near", "next to", "beside", "by", "close to", "on the side of", "touching"])


def could_hold(predicate: str, subject: Box, obj: Box) -> bool:
    """Whether the boxes allow "subject predicate object". False for predicates that boxes do not decide, as in HNC."""
    (sx, sy), (ox, oy) = _center(subject), _center(obj)
    if predicate == "to the left of":
        return sx <= ox
    if predicate == "to the right of":
        return sx >= ox
    if predicate in _ABOVE:
        return sy <= oy
    if predicate in _BELOW:
        return sy >= oy
    if predicate in _SHARING:
        return _overlap(subject, obj) > 0
    if predicate in _NEAR:
        return _gap(subject, obj) < max(subject[2], subject[3], obj[2], obj[3])
    return False


def _center(box: Box) -> tuple[float, float]:
    x, y, w, h = box
    return x + w / 2, y + h / 2


def _overlap(one: Box, other: Box) -> float:
    """Area of the intersection in square pixels."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)


def _gap(one: Box, other: Box) -> float:
    """Distance of two boxes in pixels along the axis with the wider gap; 0 if they touch."""
    aside = max(one[0], other[0]) - min(one[0] + one[2], other[0] + other[2])
    above = max(one[1], other[1]) - min(one[1] + one[3], other[1] + other[3])
    return max(aside, above, 0.0)


@dataclass(frozen=True)
class Selector:
    """Draws replacements for one image. `reversed_share`: share of predicates replaced by an opposite one."""

    graph: Graph
    statistics: Statistics
    rng: Random
    reversed_share: float

    def attribute(self, name: str, attribute: str) -> str | None:
        """Another attribute of the same kind that no object of this name has in the scene."""
        carried = {each for node in self.graph.named(name) for each in node.attributes}
        known = self.statistics.attributes.get(name, Counts())
        fit = {
            other: count
            for other, count in known.items()
            if other not in carried and _exclude(attribute, other) and not any(_synonyms(other, c) for c in carried)
        }
        return draw(fit, self.rng)

    def bearer(self, name: str, attributes: tuple[str, ...]) -> str | None:
        """Another name that can have the attributes but does not have them in this scene."""
        able = _all_bear(self.statistics, attributes)
        present = self._other_names([name], able)
        fit = {other: self.statistics.names[other] for other in present if not self.graph.named(other, attributes)}
        return draw(fit, self.rng) if fit else self._absent(able)

    def subject(self, triple: Triple, attributes: tuple[str, ...] = ()) -> str | None:
        """Another name for the subject; with attributes, one that can have them."""
        seen = self.statistics.subjects.get((triple.predicate, triple.object.name), Counts())
        return self._entity(triple, triple.subject, attributes, seen)

    def object(self, triple: Triple, attributes: tuple[str, ...] = ()) -> str | None:
        """Another name for the object of the triple; with attributes, one that can have them."""
        seen = self.statistics.objects.get((triple.subject.name, triple.predicate), Counts())
        return self._entity(triple, triple.object, attributes, seen)

    def predicate(self, triple: Triple, others: Iterable[Node] = ()) -> str | None:
        """A predicate that does not hold between the two objects: an opposite one, or another of the scene.

        It does not hold between any of `others` and the object either.
        """
        subjects = [triple.subject, *others]

        def fits(predicate: str) -> bool:
            return all(self._predicate_fits(subject, predicate, triple.object) for subject in subjects)

        opposite = [other for other in opposites(triple.predicate) if fits(other)]
        used = {each.predicate for each in self.graph.triples} - {triple.predicate}
        seen = self.statistics.predicates.get((triple.subject.name, triple.object.name), Counts())
        fit = {other: seen[other] for other in used if seen[other] > 0 and fits(other)}
        turned = self.rng.random() < self.reversed_share
        if opposite and (turned or not fit):
            return self.rng.choice(opposite)
        return draw(fit, self.rng)

    def number(self, name: str, number: int) -> int | None:
        """Another number of this name, subsampled so that each number is as often true as false.

        A number is drawn from the histogram of the name without the true one. Frequent numbers would then be often
        true and rarely false, which reveals the label. Keeping n -> m with probability min(1, (1 - h_n) / (1 - h_m))
        makes n -> m and m -> n equally frequent (our choice; HNC pairs a name that occurs once with one that does not).
        """
        histogram = self.statistics.numbers.get(name, Counter[int]())
        fit = {other: count for other, count in histogram.items() if other != number and writable(other)}
        other = draw(fit, self.rng)
        if other is None:
            return None
        total = sum(count for value, count in histogram.items() if writable(value))
        keep, against = total - histogram[number], total - histogram[other]
        return other if self.rng.randrange(against) < keep else None

    def _entity(self, triple: Triple, replaced: Node, attributes: tuple[str, ...], seen: Counts) -> str | None:
        able = _all_bear(self.statistics, attributes) if attributes else self.statistics.names
        known = {other: count for other, count in seen.items() if other in able}
        present = self._other_names([triple.subject.name, triple.object.name], known)
        fit = {
            other: known[other]
            for other in present
            if all(self._entity_fits(triple, replaced, node) for node in self.graph.named(other))
            and not (attributes and self.graph.named(other, attributes))
        }
        if fit:
            return draw(fit, self.rng)
        kept = triple.object.name if replaced is triple.subject else triple.subject.name
        return self._absent({other: n for other, n in known.items() if not unfit(triple.predicate, other, kept)})

    def _entity_fits(self, triple: Triple, replaced: Node, other: Node) -> bool:
        """False if the triple with `other` instead of `replaced` is annotated or the boxes allow it."""
        subject, obj = (other, triple.object) if replaced is triple.subject else (triple.subject, other)
        if unfit(triple.predicate, subject.name, obj.name):
            return False
        if self.graph.has_relation(subject, triple.predicate, obj):
            return False
        return not could_hold(triple.predicate, subject.box, obj.box)

    def _predicate_fits(self, subject: Node, predicate: str, obj: Node) -> bool:
        if unfit(predicate, subject.name, obj.name) or self.graph.has_relation(subject, predicate, obj):
            return False
        return not could_hold(predicate, subject.box, obj.box)

    def _other_names(self, names: Iterable[str], known: Iterable[str]) -> list[str]:
        """Names of the scene that are `known`, have a known count, and differ from `names` by more than number."""
        given, vocabulary = list(names), set(known)
        found = [name for name in self.graph.numbers if name in vocabulary]
        return [name for name in found if not any(same_name(name, other) for other in given)]

    def _absent(self, weights: dict[str, int]) -> str | None:
        """A name that is absent from the scene."""
        present = self.graph.names
        fit = {name: n for name, n in weights.items() if not any(same_name(name, other) for other in present)}
        return draw(fit, self.rng)


def _all_bear(statistics: Statistics, attributes: tuple[str, ...]) -> dict[str, int]:
    """Names counted with each of these attributes: name -> the smallest of its counts."""
    counts = [statistics.bearers.get(attribute, Counts()) for attribute in attributes]
    return {name: min(count[name] for count in counts) for name in counts[0] if all(count[name] for count in counts)}


def _exclude(one: str, other: str) -> bool:
    """Whether two attributes are different values of one kind, or both unknown to the lexicons."""
    if one == other:
        return False
    first, second = attribute_kind(one), attribute_kind(other)
    if first is None or second is None:
        return first is None and second is None
    return first[0] == second[0] and first[1] != second[1]


def _synonyms(one: str, other: str) -> bool:
    kind = attribute_kind(one)
    return kind is not None and kind == attribute_kind(other)
