"""HNC's caption types of logic: "both ... and" with one part made false, "either ... or" with both made true.

Corrected: sources cover the whole graph (HNC pairs one anchor object with the others); the changed part is false of
every object that its words may refer to; verbs agree with the noun that follows or precedes them.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from nearmiss.engine.text.scene_graphs.graphs import Node, Triple
from nearmiss.engine.text.scene_graphs.sources import attributes, identifying_phrase, triples
from nearmiss.engine.text.scene_graphs.wording import (
    Clause,
    Phrase,
    both_attributes,
    both_of_one_thing,
    both_related,
    both_to_one_thing,
    either_attribute,
    either_object,
    same_name,
)
from nearmiss.stages.negatives.scene_graph.pairs import Outcome, Pair, Refusal, refuse, uncounted
from nearmiss.stages.negatives.scene_graph.replacement import Selector

T = TypeVar("T")

_SLOTS: tuple[str, ...] = ("subject", "predicate", "object")
_MAX_DRAWS = 8  # draws of a partner per source


def and_logic_attr(selector: Selector) -> Iterator[Outcome]:
    """There is both a red cube and a blue ball / There is both a green cube and a blue ball."""
    found = attributes(selector.graph, selector.rng)
    for node, value in found:
        partner = _partner(selector, found, node, value)
        if partner is None:
            yield Refusal("and_logic_attr", None, "no other object has an attribute")
            continue
        one, other = Phrase(node.name, (value,)), Phrase(partner[0].name, (partner[1],))
        new = selector.attribute(node.name, value)
        first = selector.rng.random() < 0.5
        positive = both_attributes(*_ordered(one, other, first))
        if new is None or (new == partner[1] and node.name == partner[0].name):
            yield Refusal("and_logic_attr", positive, "no other attribute of this kind is known of this name")
            continue
        kind = "both_attributes" if node.name != partner[0].name else "both_of_one_name"
        negative = both_attributes(*_ordered(Phrase(node.name, (new,)), other, first))
        yield Pair("and_logic_attr", kind, positive, negative, new)


def xor_logic_attr(selector: Selector) -> Iterator[Outcome]:
    """There is either a green cube or a blue ball (it is red) / There is either a red cube or a blue ball."""
    found = attributes(selector.graph, selector.rng)
    for node, value in found:
        partner = _partner(selector, found, node, value, another_name=True)
        if partner is None:
            yield Refusal("xor_logic_attr", None, "no object of another name has an attribute")
            continue
        refusal = uncounted("xor_logic_attr", selector.graph, node.name)
        if refusal is not None:
            yield refusal
            continue
        one, other = Phrase(node.name, (value,)), Phrase(partner[0].name, (partner[1],))
        absent = selector.attribute(node.name, value)
        if absent is None:
            yield Refusal("xor_logic_attr", None, "no other attribute of this kind is known of this name")
            continue
        first = selector.rng.random() < 0.5
        positive = either_attribute(*_ordered(Phrase(node.name, (absent,)), other, first))
        negative = either_attribute(*_ordered(one, other, first))
        yield Pair("xor_logic_attr", "either_attribute", positive, negative, value)


def and_logic_rel(selector: Selector) -> Iterator[Outcome]:
    """There is both a cube above the ball and a star to the left of the cone / ... and a star to the left of the ring.

    Of one subject: The cube is both above the ball and to the left of the star. Of one predicate and object: There is
    both a cube and a star above the ball.
    """
    graph, rng = selector.graph, selector.rng
    for triple in triples(selector.graph, selector.rng):
        refusal = _unrelatable("and_logic_rel", triple)
        if refusal is not None:
            yield refusal
            continue
        partner = next(
            (other for _ in range(_MAX_DRAWS) if _combinable(triple, other := rng.choice(graph.triples))),
            None,
        )
        if partner is None:
            yield Refusal("and_logic_rel", None, "no other relation goes with it")
            continue
        clause, other_clause = _clause(selector, triple), _clause(selector, partner)
        if clause is None or other_clause is None:
            yield Refusal("and_logic_rel", None, "no description identifies the object")
            continue
        yield _one_part_false(selector, triple, partner, clause, other_clause)


def xor_logic_rel(selector: Selector) -> Iterator[Outcome]:
    """The cube is above either the ball or the ring (below it) / The cube is above either the ball or the star."""
    for one, other in _sharing_subject(selector):
        refusal = _unrelatable("xor_logic_rel", one) or _unrelatable("xor_logic_rel", other)
        if refusal is not None:
            yield refusal
            continue
        phrases = [identifying_phrase(selector.graph, node) for node in (one.subject, one.object, other.object)]
        subject, obj, other_obj = phrases
        if subject is None or obj is None or other_obj is None:
            yield Refusal("xor_logic_rel", None, "no description identifies the object")
            continue
        absent = selector.object(one)
        if absent is None or same_name(absent, other.object.name):
            yield Refusal("xor_logic_rel", None, "no replacement fits")
            continue
        refusal = uncounted("xor_logic_rel", selector.graph, absent)
        if refusal is not None:
            yield refusal
            continue
        first = selector.rng.random() < 0.5
        positive = either_object(subject, one.predicate, *_ordered(Phrase(absent), other_obj, first))
        negative = either_object(subject, one.predicate, *_ordered(obj, other_obj, first))
        yield Pair("xor_logic_rel", "either_object", positive, negative, one.object.name)


def _one_part_false(
    selector: Selector, triple: Triple, partner: Triple, clause: Clause, other_clause: Clause
) -> Outcome:
    """The pair of two triples; the changed part is the first or the second."""
    (subject, predicate, obj), rng = clause, selector.rng
    if triple.subject is partner.subject:
        kind, slots = "both_of_one_thing", _SLOTS[1:]
    elif triple.object is partner.object and predicate == partner.predicate:
        kind, slots = "both_to_one_thing", _SLOTS
    else:
        kind, slots = "both_related", _SLOTS
    slot, first = rng.choice(slots), rng.random() < 0.5
    positive = _joined(kind, clause, other_clause, first)
    changed: Clause | None = None
    if slot == "subject":
        new = selector.subject(triple, subject.attributes)
        if new is not None and not same_name(new, partner.subject.name):
            changed = (Phrase(new, subject.attributes), predicate, obj)
    elif slot == "object":
        new = selector.object(triple, obj.attributes)
        changed = None if new is None else (subject, predicate, Phrase(new, obj.attributes))
    else:
        new = selector.predicate(triple)
        changed = None if new is None else (subject, new, obj)
    if changed is None:
        return Refusal("and_logic_rel", positive, "no replacement fits")
    return Pair("and_logic_rel", kind, positive, _joined(kind, changed, other_clause, first), new)


def _joined(kind: str, clause: Clause, other_clause: Clause, first: bool) -> str:
    """Both parts as one sentence; shared words are taken from `clause`."""
    if kind == "both_to_one_thing":
        return both_to_one_thing(*_ordered(clause[0], other_clause[0], first), clause[1], clause[2])
    return (both_of_one_thing if kind == "both_of_one_thing" else both_related)(*_ordered(clause, other_clause, first))


def _ordered(one: T, other: T, first: bool) -> tuple[T, T]:
    return (one, other) if first else (other, one)


def _partner(
    selector: Selector, found: Sequence[tuple[Node, str]], node: Node, value: str, *, another_name: bool = False
) -> tuple[Node, str] | None:
    """Another object with an attribute; names that may refer to the same object are excluded unless equal."""
    for _ in range(_MAX_DRAWS):
        partner, other_value = selector.rng.choice(found)
        if partner is node or (other_value == value and partner.name == node.name):
            continue
        if same_name(partner.name, node.name) and (another_name or partner.name != node.name):
            continue
        return partner, other_value
    return None


def _unrelatable(type_name: str, triple: Triple) -> Refusal | None:
    if same_name(triple.subject.name, triple.object.name):
        return Refusal(type_name, None, "two objects of one name")
    return refuse(type_name, triple)


def _combinable(triple: Triple, other: Triple) -> bool:
    """Whether two triples can form one sentence: no subject is the object of the other, and their meanings differ."""
    if other is triple or _unrelatable("and_logic_rel", other) is not None:
        return False
    if triple.subject is other.object or other.subject is triple.object:
        return False
    return triple.predicate != other.predicate or not (
        same_name(triple.subject.name, other.subject.name) and same_name(triple.object.name, other.object.name)
    )


def _clause(selector: Selector, triple: Triple) -> Clause | None:
    subject, obj = identifying_phrase(selector.graph, triple.subject), identifying_phrase(selector.graph, triple.object)
    return None if subject is None or obj is None else (subject, triple.predicate, obj)


def _sharing_subject(selector: Selector) -> Iterator[tuple[Triple, Triple]]:
    """Pairs of triples with the same subject and predicate and objects of different names."""
    groups: dict[tuple[str, str], list[Triple]] = {}
    for triple in triples(selector.graph, selector.rng):
        group = groups.setdefault((triple.subject.object_id, triple.predicate), [])
        partner = next((other for other in group if not same_name(other.object.name, triple.object.name)), None)
        group.append(triple)
        if partner is not None:
            yield _ordered(triple, partner, selector.rng.random() < 0.5)
