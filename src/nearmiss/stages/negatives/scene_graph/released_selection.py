"""HNC's plausible selection as published: strict mode with the box filter, as in the names of the released files.

A replacement comes from the same scene, must occur in its position in the statistics, and is drawn by the counts. It is
not compared with the annotations of the scene, so annotated replacements are drawn as well.

Every defect of the release is a function here or named in its caption type, as read in its code
(DigitalPhonetics/hard-negative-captions, b15e48a). Where the release iterates over a Python set of ids, whose order
differs between processes, the order is drawn. Not reproduced: draws without a seed (here one per image), statistics
that include the validation graphs (here only the given graphs), the release's list of mass nouns (see `uncountable`),
its tagger for number (here the inflection of nouns), fields of the records that our tables lack (ambiguity, noisy,
bounding boxes).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from nearmiss.engine.text.inflection import is_plural, number_word, plural, singular
from nearmiss.engine.text.lexicon import load
from nearmiss.engine.text.scene_graphs.graphs import Box, Graph, Node, Triple
from nearmiss.engine.text.scene_graphs.wording import be, fill, words
from nearmiss.stages.negatives.scene_graph.replacement import Counts, Statistics, draw

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


def seems_true(predicate: str, subject: Box, obj: Box) -> bool:
    """The published box test of a negative: it covers few predicates, and too few cases of left and right."""
    (sx, sy, sw, sh), (ox, oy, ow, oh) = subject, obj
    overlap = overlap_by_the_wrong_height(subject, obj)
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
    """The published constraint on locations: a list of exact words, in which "knees" is missing by mistake."""
    lists = words()
    if predicate not in lists["spatial_predicates"]:
        return False
    return any(name in lists["background"] or name in _body_parts() for name in names)


def uncountable(name: str) -> bool:
    """Whether the whole name is a mass noun: "wine glass" is none, although "glass" is in the list.

    The list is our own. The release has one of 159 words, with a few count nouns ("ceiling", "floor", "windshield"),
    but no license that allows it to be distributed.
    """
    return name in load("grammar")["uncountable"]


def body_part(name: str) -> bool:
    """Whether the published list of body parts has the word."""
    return name in _body_parts()


def _body_parts() -> frozenset[str]:
    parts: Sequence[str] = words()["published_body_parts"]
    return frozenset([*parts, *(plural(part) for part in parts if part != "knee"), "hair"])


def article_by_letter(noun: str, attribute: str | None = None) -> str:
    """A noun with its article, which is chosen by the first letter ("a hour").

    Plurals have none. Of the mass nouns, only those of several words with an attribute have none.
    """
    phrase = f"{attribute} {noun}" if attribute else noun
    if is_plural(noun) or (attribute and " " in noun and uncountable(noun)):
        return phrase
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def false_count(name: str, true: int, false: int) -> str:
    """The sentence of a false number; if neither number is one, the noun is singular: "There are four tree"."""
    noun = plural(name) if true == 1 and false != 1 else name
    return fill("count", be="is" if false == 1 else "are", number=number_word(false), thing=noun)


def comparison(comparator: str, name: str, other: str) -> str:
    """The comparison of two names; "fewer" swaps its arguments, so (cube, ball) gives the sentence of (ball, cube)."""
    one, two = (other, name) if comparator == "fewer" else (name, other)
    return fill(comparator, thing=plural(one), other=plural(two))


def inverted_agreement(name: str) -> str:
    """The verb of "There ... both" with two predicates, inverted: "are" before a singular, "is" before a plural."""
    return "is" if be(name) == "are" else "are"


_MAX_DRAWS = 5  # draws of an entity with an attribute (`rel_attr_patience`)


@dataclass(frozen=True)
class ReleasedSelector:
    """Draws replacements for one image as the release does, from a seeded generator."""

    graph: Graph
    statistics: Statistics
    rng: Random

    def entity(self, triple: Triple, replaced: Node, excluded: Collection[Node] = ()) -> Node | None:
        """Another object of the scene for the subject or the object; not checked against the annotated triples."""
        return self._named(self._candidates(triple, replaced, excluded), self._seen(triple, replaced))

    def entity_with_attribute(self, triple: Triple, replaced: Node) -> tuple[Node, str] | None:
        """Another object that can have an attribute of the replaced one and is not annotated with it.

        Other objects of the same name may be.
        """
        candidates, seen = self._candidates(triple, replaced, ()), self._seen(triple, replaced)
        for _ in range(_MAX_DRAWS):
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
        """Another predicate of the scene that is counted between the two names."""
        used = sorted({each.predicate for each in self.graph.triples} - {triple.predicate})
        subject, obj = triple.subject, triple.object
        if by_boxes:
            used = [each for each in used if not seems_true(each, subject.box, obj.box)]
        return _sample(self.statistics.predicates.get((subject.name, obj.name), Counts()), used, self.rng)

    def attribute(self, name: str, value: str) -> str | None:
        """Another attribute counted for the name; attributes of objects in the scene are not excluded."""
        known = self.statistics.attributes.get(name, Counts())
        return draw({other: number for other, number in known.items() if other != value}, self.rng)

    def bearer(self, node: Node, value: str) -> Node | None:
        """Another object whose name is counted with the attribute; objects of the same name and objects with the
        attribute are not excluded, so a sentence can be its own negative."""
        able = self.statistics.bearers.get(value, Counts())
        found = {other.name: other for other in self.graph.nodes if other is not node and other.name in able}
        return self._named(found, self.statistics.names)

    def number(self, name: str, true: int) -> int | None:
        """Another number counted for the name."""
        known = self.statistics.numbers.get(singular(name), Counter[int]())
        return draw({other: images for other, images in known.items() if other != true}, self.rng)

    def _seen(self, triple: Triple, replaced: Node) -> Mapping[str, int]:
        if replaced is triple.subject:
            return self.statistics.subjects.get((triple.predicate, triple.object.name), Counts())
        return self.statistics.objects.get((triple.subject.name, triple.predicate), Counts())

    def _candidates(self, triple: Triple, replaced: Node, excluded: Collection[Node]) -> dict[str, Node]:
        """One object of each other name, if the box test does not find the statement of it true.

        Of several objects of a name, one is tested: the last in the order of a set of ids, so any of them.
        """
        taken = {singular(node.name) for node in (triple.subject, triple.object, *excluded)}
        others = [node for node in self.graph.nodes if singular(node.name) not in taken]
        self.rng.shuffle(others)
        found = {node.name: node for node in others}
        return {name: node for name, node in found.items() if not self._seems_true(triple, replaced, node)}

    def _seems_true(self, triple: Triple, replaced: Node, node: Node) -> bool:
        boxes = (node.box, triple.object.box) if replaced is triple.subject else (triple.subject.box, node.box)
        return seems_true(triple.predicate, *boxes)

    def _named(self, candidates: Mapping[str, Node], seen: Mapping[str, int]) -> Node | None:
        name = _sample(seen, candidates, self.rng)
        return None if name is None else candidates[name]


def _sample(seen: Mapping[str, int], valid: Collection[str], rng: Random) -> str | None:
    """A draw from the valid keys, weighted by their counts; None if none of them was counted."""
    return draw({key: seen[key] for key in valid if key in seen}, rng)
