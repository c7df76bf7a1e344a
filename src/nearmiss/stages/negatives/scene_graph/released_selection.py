"""HNC's plausible selection as published: strict mode with the box filter, as the released files' names say.

A replacement comes from the same scene, must have been seen in its place, and is drawn by the counts. Nothing is held
against the scene's own annotations: what they say of the replacement, or of another thing of its name, is drawn too.

Every fault of the release is a function here or stands with its caption type, as read in its code
(DigitalPhonetics/hard-negative-captions, b15e48a). Not reproduced: draws without a seed (ours have one for each image),
statistics that saw the validation graphs (ours see the graphs that are given), and fields of the records that our
tables do not have (ambiguity, noisy, bounding boxes).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from nearmiss.engine.text.inflection import is_plural, number_word, plural, singular
from nearmiss.stages.negatives.scene_graph.graphs import Box, Graph, Node, Triple
from nearmiss.stages.negatives.scene_graph.replacement import Counts, Statistics, draw
from nearmiss.stages.negatives.scene_graph.wording import be, fill, words

_STACKED = frozenset(["on top of", "above", "on"])
_BENEATH = frozenset(["below", "on the bottom of"])
_OVERLAPPING = frozenset(
    ["in", "inside", "around", "behind", "in front of"]
    + [f"{posture} {place}" for posture in ("sitting", "standing", "lying") for place in ("on", "on top of")]
)


def overlap_by_the_wrong_height(one: Box, other: Box) -> float:
    """Intersection over union in which the first box's area is its width times the *second* box's height."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = one, other
    wide = max(min(ax + aw, bx + bw) - max(ax, bx) + 1, 0.0)
    high = max(min(ay + ah, by + bh) - max(ay, by) + 1, 0.0)
    shared = wide * high
    union = (aw + 1) * (bh + 1) + (bw + 1) * (bh + 1) - shared
    return shared / union if union else 0.0


def seems_true(predicate: str, subject: Box, thing: Box) -> bool:
    """The published box test of a foil: few predicates are doubted at all, and of left and right too few cases."""
    (sx, sy, sw, sh), (ox, oy, ow, oh) = subject, thing
    overlap = overlap_by_the_wrong_height(subject, thing)
    if predicate in ("to the left of", "to the right of"):
        apart = sy + sh < oy or oy + oh < sy
        if predicate == "to the left of":
            return sx < ox and (sx + sw < ox or overlap > 0.5 or apart)
        return sx > ox and (sx > ox + ow or overlap > 0.5 or apart)
    if predicate in _STACKED:
        return sy + sh < oy + oh and overlap < 0.5
    if predicate in _BENEATH:
        return sy + sh > oy + oh and overlap < 0.5
    return predicate in _OVERLAPPING and overlap > 0.5


def skipped(predicate: str, *names: str) -> bool:
    """The published constraint on places: a list of exact words, in which "knees" is missing by a slip of the pen."""
    lists = words()
    if predicate not in lists["spatial_predicates"]:
        return False
    return any(name in lists["background"] or name in _body_parts() for name in names)


def body_part(name: str) -> bool:
    """Whether the published list of body parts has the word."""
    return name in _body_parts()


def _body_parts() -> frozenset[str]:
    parts: Sequence[str] = words()["published_body_parts"]
    return frozenset([*parts, *(plural(part) for part in parts if part != "knee"), "hair"])


def article_by_letter(noun: str, attribute: str | None = None) -> str:
    """A noun with its article, which goes by the first letter ("a hour"); plurals have none."""
    said = f"{attribute} {noun}" if attribute else noun
    if is_plural(noun):
        return said
    return f"{'an' if said[0] in 'aeiou' else 'a'} {said}"


def false_count(name: str, true: int, false: int) -> str:
    """A foiled number; where neither number is one the noun falls back to the singular: "There are four tree"."""
    noun = plural(name) if true == 1 and false != 1 else name
    return fill("count", be="is" if false == 1 else "are", number=number_word(false), thing=noun)


def comparison(comparator: str, name: str, other: str) -> str:
    """The names compared; "fewer" swaps its arguments, so that what is said of (cube, ball) is true of (ball, cube)."""
    one, two = (other, name) if comparator == "fewer" else (name, other)
    return fill(comparator, thing=plural(one), other=plural(two))


def inverted_agreement(name: str) -> str:
    """The verb of "There ... both", the wrong way round: "are" before a singular, "is" before a plural."""
    return "is" if be(name) == "are" else "are"


_PATIENCE = 5  # draws of an entity with an attribute (`rel_attr_patience`)


@dataclass(frozen=True)
class ReleasedSelector:
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
