"""HNC's caption types: each turns a graph into (positive, negative) pairs, one source after the other.

A type is an iterator over its sources in an order drawn by seed. Each source gives a pair or the reason why it cannot.
The type names are the paper's. Corrections against the published generator stand where they are made.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nearmiss.stages.negatives.scene_graph_graphs import Graph, Node, Triple
from nearmiss.stages.negatives.scene_graph_replacement import Selector
from nearmiss.stages.negatives.scene_graph_wording import (
    Phrase,
    attribute_sentence,
    count_sentence,
    countable,
    relation_sentence,
    same_name,
    unfit,
    writable,
)


@dataclass(frozen=True)
class Pair:
    """A true sentence and its foil. `new`: what stands in the foil instead, as annotations name it; None: a number."""

    type: str
    kind: str  # attribute, relation or count: the template
    positive: str
    negative: str
    new: str | None


@dataclass(frozen=True)
class Refusal:
    """A source of which no pair could be made."""

    type: str
    positive: str | None
    reason: str


Outcome = Pair | Refusal
Builder = Callable[[Selector], Iterator[Outcome]]


def attribute(selector: Selector) -> Iterator[Outcome]:
    """The cube is red / The cube is blue."""
    for node, value in _attributes(selector):
        positive = attribute_sentence(node.name, value)
        if not _all_carry(selector.graph, node, value):
            yield Refusal("attribute", positive, "the name alone does not say which thing is meant")
            continue
        other = selector.attribute(node.name, value)
        if other is None:
            yield Refusal("attribute", positive, "no other attribute of this kind is known of this name")
        else:
            yield Pair("attribute", "attribute", positive, attribute_sentence(node.name, other), other)


def object_(selector: Selector) -> Iterator[Outcome]:
    """The cube is red / The ball is red (booked as `attribute` by the published counter)."""
    for node, value in _attributes(selector):
        positive = attribute_sentence(node.name, value)
        other = selector.bearer(node.name, (value,))
        if other is None:
            yield Refusal("object", positive, "no other name is known with this attribute")
        else:
            yield Pair("object", "attribute", positive, attribute_sentence(other, value), other)


def attribute_subg(selector: Selector) -> Iterator[Outcome]:
    """The red cube is above the ball / The blue cube is above the ball, or The red star is above the ball."""
    for triple in _triples(selector):
        refusal = _refuse("attribute_subg", triple)
        if refusal:
            yield refusal
            continue
        subject, thing = triple.subject, _plain(selector.graph, triple.object)
        if not subject.attributes or thing is None:
            yield Refusal("attribute_subg", None, "the subject has no attribute or the object cannot be told")
            continue
        value = selector.rng.choice(subject.attributes)
        positive = relation_sentence(Phrase(subject.name, (value,)), triple.predicate, thing)
        if selector.rng.random() < 0.5:
            new = selector.attribute(subject.name, value)
            foil = Phrase(subject.name, (new or "",))
        else:
            new = selector.subject(triple, (value,))
            foil = Phrase(new or "", (value,))
        if new is None:
            yield Refusal("attribute_subg", positive, "no replacement fits")
        else:
            negative = relation_sentence(foil, triple.predicate, thing)
            yield Pair("attribute_subg", "relation", positive, negative, new)


def relation_subj(selector: Selector) -> Iterator[Outcome]:
    """The cube is above the ball / The star is above the ball."""
    return _relations("relation_subj", selector, _plain, _new_subject)


def relation_obj(selector: Selector) -> Iterator[Outcome]:
    """The cube is above the ball / The cube is above the star."""
    return _relations("relation_obj", selector, _plain, _new_object)


def relation_pred(selector: Selector) -> Iterator[Outcome]:
    """The cube is above the ball / The cube is below the ball."""
    return _relations("relation_pred", selector, _plain, _new_predicate)


def relation_attr_subj(selector: Selector) -> Iterator[Outcome]:
    """The red cube is above the ball / The red star is above the ball: what bears the attribute changes."""
    return _relations("relation_attr_subj", selector, _described, _new_subject)


def relation_attr_obj(selector: Selector) -> Iterator[Outcome]:
    """The cube is above the red ball / The cube is above the red star."""
    return _relations("relation_attr_obj", selector, _described, _new_object)


def relation_attr_pred(selector: Selector) -> Iterator[Outcome]:
    """The red cube is above the blue ball / The red cube is below the blue ball."""
    return _relations("relation_attr_pred", selector, _described, _new_predicate)


def obj_count(selector: Selector) -> Iterator[Outcome]:
    """There are two cubes / There is one cube. Corrected: nouns agree with the number that is said."""
    graph = selector.graph
    names = sorted(graph.numbers)
    selector.rng.shuffle(names)
    for name in names:
        number = graph.numbers[name]
        positive = count_sentence(name, number) if writable(number) else None
        mixed = any(other != name and same_name(name, other) for other in names)
        reason = countable(name) or ("the scene names it in both numbers" if mixed else None)
        if reason is not None or positive is None:
            yield Refusal("obj_count", positive, reason or "a number that no caption says")
            continue
        other = selector.number(name, number)
        if other is None:
            yield Refusal("obj_count", positive, "no other number is known, or the number alone would tell")
        else:
            yield Pair("obj_count", "count", positive, count_sentence(name, other), None)


BUILDERS: dict[str, Builder] = {
    "attribute": attribute,
    "object": object_,
    "attribute_subg": attribute_subg,
    "relation_subj": relation_subj,
    "relation_obj": relation_obj,
    "relation_pred": relation_pred,
    "relation_attr_subj": relation_attr_subj,
    "relation_attr_obj": relation_attr_obj,
    "relation_attr_pred": relation_attr_pred,
    "obj_count": obj_count,
}

Say = Callable[[Graph, Node], Phrase | None]
Change = Callable[[Selector, Triple, Phrase, Phrase], tuple[str, str] | None]


def _relations(type_name: str, selector: Selector, say: Say, change: Change) -> Iterator[Outcome]:
    """Pairs of one relation type: `say` words the two things, `change` gives the foil and what is new in it."""
    for triple in _triples(selector):
        refusal = _refuse(type_name, triple)
        if refusal:
            yield refusal
            continue
        subject, thing = say(selector.graph, triple.subject), say(selector.graph, triple.object)
        if subject is None or thing is None:
            yield Refusal(type_name, None, "no words tell which thing is meant")
            continue
        positive = relation_sentence(subject, triple.predicate, thing)
        changed = change(selector, triple, subject, thing)
        if changed is None:
            yield Refusal(type_name, positive, "no replacement fits")
        else:
            negative, new = changed
            yield Pair(type_name, "relation", positive, negative, new)


def _new_subject(selector: Selector, triple: Triple, subject: Phrase, thing: Phrase) -> tuple[str, str] | None:
    new = selector.subject(triple, subject.attributes)
    if new is None:
        return None
    return relation_sentence(Phrase(new, subject.attributes), triple.predicate, thing), new


def _new_object(selector: Selector, triple: Triple, subject: Phrase, thing: Phrase) -> tuple[str, str] | None:
    new = selector.thing(triple, thing.attributes)
    if new is None:
        return None
    return relation_sentence(subject, triple.predicate, Phrase(new, thing.attributes)), new


def _new_predicate(selector: Selector, triple: Triple, subject: Phrase, thing: Phrase) -> tuple[str, str] | None:
    new = selector.predicate(triple)
    return None if new is None else (relation_sentence(subject, new, thing), new)


def _plain(graph: Graph, node: Node) -> Phrase | None:
    """The name, with the fewest attributes where the name alone does not tell the thing (our choice).

    HNC only records that such a sentence is ambiguous.
    """
    attributes = graph.identifying(node)
    return None if attributes is None else Phrase(node.name, attributes)


def _described(graph: Graph, node: Node) -> Phrase | None:
    """The name with its first two attributes and those that tell the thing (HNC: one, drawn; two is our choice).

    With one, what tells things apart in a small vocabulary is often left out, and order is learned late.
    """
    needed = graph.identifying(node)
    if needed is None or not node.attributes:
        return None
    said = {*needed, *node.attributes[:2]}
    return Phrase(node.name, tuple(attribute for attribute in node.attributes if attribute in said))


def _attributes(selector: Selector) -> list[tuple[Node, str]]:
    found = [(node, value) for node in selector.graph.nodes for value in node.attributes]
    selector.rng.shuffle(found)
    return found


def _triples(selector: Selector) -> Iterator[Triple]:
    """All triples, the scene's predicates taking turns: nine in ten GQA relations are left or right (our choice)."""
    by_predicate: dict[str, list[Triple]] = {}
    for triple in selector.graph.triples:
        by_predicate.setdefault(triple.predicate, []).append(triple)
    turns = sorted(by_predicate)
    selector.rng.shuffle(turns)
    for predicate in turns:
        selector.rng.shuffle(by_predicate[predicate])
    while turns:
        for predicate in turns:
            yield by_predicate[predicate].pop()
        turns = [predicate for predicate in turns if by_predicate[predicate]]


def _refuse(type_name: str, triple: Triple) -> Refusal | None:
    if same_name(triple.subject.name, triple.object.name) and not (
        triple.subject.attributes and triple.object.attributes
    ):
        return Refusal(type_name, None, "two things of one name and no attributes")
    reason = unfit(triple.predicate, triple.subject.name, triple.object.name)
    return Refusal(type_name, None, reason) if reason else None


def _all_carry(graph: Graph, node: Node, value: str) -> bool:
    return len(graph.named(node.name, (value,))) == graph.numbers[node.name]
