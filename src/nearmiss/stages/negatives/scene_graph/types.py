"""HNC's caption types: each turns a graph into (positive, negative) pairs, one source after the other.

A type iterates over its sources in an order drawn by seed. Each source gives a pair or a refusal with its reason. The
type names are those of the paper. Corrections of the published generator are noted where they apply.
"""

from collections.abc import Callable, Iterator

from nearmiss.engine.text.scene_graphs.graphs import Graph, Node, Triple
from nearmiss.engine.text.scene_graphs.sources import (
    all_carry,
    attributes,
    descriptive_phrase,
    identifying_phrase,
    triples,
)
from nearmiss.engine.text.scene_graphs.wording import (
    Phrase,
    attribute_sentence,
    count_sentence,
    countable,
    relation_sentence,
    same_name,
    writable,
)
from nearmiss.stages.negatives.scene_graph.pairs import Outcome, Pair, Refusal, refuse, uncounted
from nearmiss.stages.negatives.scene_graph.replacement import Selector


def attribute(selector: Selector) -> Iterator[Outcome]:
    """The cube is red / The cube is blue."""
    for node, value in attributes(selector.graph, selector.rng):
        positive = attribute_sentence(node.name, value)
        if not all_carry(selector.graph, node, value):
            yield Refusal("attribute", positive, "the name does not identify the object")
            continue
        other = selector.attribute(node.name, value)
        if other is None:
            yield Refusal("attribute", positive, "no other attribute of this kind is known of this name")
        else:
            yield Pair("attribute", "attribute", positive, attribute_sentence(node.name, other), other)


def object_(selector: Selector) -> Iterator[Outcome]:
    """The cube is red / The ball is red (counted as `attribute` by the published code)."""
    for node, value in attributes(selector.graph, selector.rng):
        positive = attribute_sentence(node.name, value)
        other = selector.bearer(node.name, (value,))
        if other is None:
            yield Refusal("object", positive, "no other name is known with this attribute")
        else:
            yield Pair("object", "attribute", positive, attribute_sentence(other, value), other)


def attribute_subg(selector: Selector) -> Iterator[Outcome]:
    """The red cube is above the ball / The blue cube is above the ball, or The red star is above the ball."""
    for triple in triples(selector.graph, selector.rng):
        refusal = refuse("attribute_subg", triple)
        if refusal:
            yield refusal
            continue
        subject, obj = triple.subject, identifying_phrase(selector.graph, triple.object)
        if not subject.attributes or obj is None:
            yield Refusal("attribute_subg", None, "the subject has no attribute or the object cannot be identified")
            continue
        value = selector.rng.choice(subject.attributes)
        positive = relation_sentence(Phrase(subject.name, (value,)), triple.predicate, obj)
        if selector.rng.random() < 0.5:
            new = selector.attribute(subject.name, value)
            changed = Phrase(subject.name, (new or "",))
        else:
            new = selector.subject(triple, (value,))
            changed = Phrase(new or "", (value,))
        if new is None:
            yield Refusal("attribute_subg", positive, "no replacement fits")
        else:
            negative = relation_sentence(changed, triple.predicate, obj)
            yield Pair("attribute_subg", "relation", positive, negative, new)


def relation_subj(selector: Selector) -> Iterator[Outcome]:
    """The cube is above the ball / The star is above the ball."""
    return _relations("relation_subj", selector, identifying_phrase, _new_subject)


def relation_obj(selector: Selector) -> Iterator[Outcome]:
    """The cube is above the ball / The cube is above the star."""
    return _relations("relation_obj", selector, identifying_phrase, _new_object)


def relation_pred(selector: Selector) -> Iterator[Outcome]:
    """The cube is above the ball / The cube is below the ball."""
    return _relations("relation_pred", selector, identifying_phrase, _new_predicate)


def relation_attr_subj(selector: Selector) -> Iterator[Outcome]:
    """The red cube is above the ball / The red star is above the ball: the bearer of the attribute changes."""
    return _relations("relation_attr_subj", selector, descriptive_phrase, _new_subject)


def relation_attr_obj(selector: Selector) -> Iterator[Outcome]:
    """The cube is above the red ball / The cube is above the red star."""
    return _relations("relation_attr_obj", selector, descriptive_phrase, _new_object)


def relation_attr_pred(selector: Selector) -> Iterator[Outcome]:
    """The red cube is above the blue ball / The red cube is below the blue ball."""
    return _relations("relation_attr_pred", selector, descriptive_phrase, _new_predicate)


def obj_count(selector: Selector) -> Iterator[Outcome]:
    """There are two cubes / There is one cube. Corrected: nouns agree with the number."""
    graph = selector.graph
    names = list(graph.names)
    selector.rng.shuffle(names)
    for name in names:
        refusal = uncounted("obj_count", graph, name)
        if refusal is not None:
            yield refusal
            continue
        number = graph.numbers[name]
        positive = count_sentence(name, number) if writable(number) else None
        mixed = any(other != name and same_name(name, other) for other in names)
        reason = countable(name) or ("the scene names it in both numbers" if mixed else None)
        if reason is not None or positive is None:
            yield Refusal("obj_count", positive, reason or "a number that no caption states")
            continue
        other = selector.number(name, number)
        if other is None:
            yield Refusal("obj_count", positive, "no other number is known, or the number would reveal the label")
        else:
            yield Pair("obj_count", "count", positive, count_sentence(name, other), None)


Wording = Callable[[Graph, Node], Phrase | None]
Change = Callable[[Selector, Triple, Phrase, Phrase], tuple[str, str] | None]


def _relations(type_name: str, selector: Selector, wording: Wording, change: Change) -> Iterator[Outcome]:
    """Pairs of one relation type: `wording` gives the phrases, `change` the negative and its new word."""
    for triple in triples(selector.graph, selector.rng):
        refusal = refuse(type_name, triple)
        if refusal:
            yield refusal
            continue
        subject, obj = wording(selector.graph, triple.subject), wording(selector.graph, triple.object)
        if subject is None or obj is None:
            yield Refusal(type_name, None, "no description identifies the object")
            continue
        positive = relation_sentence(subject, triple.predicate, obj)
        changed = change(selector, triple, subject, obj)
        if changed is None:
            yield Refusal(type_name, positive, "no replacement fits")
        else:
            negative, new = changed
            yield Pair(type_name, "relation", positive, negative, new)


def _new_subject(selector: Selector, triple: Triple, subject: Phrase, obj: Phrase) -> tuple[str, str] | None:
    new = selector.subject(triple, subject.attributes)
    if new is None:
        return None
    return relation_sentence(Phrase(new, subject.attributes), triple.predicate, obj), new


def _new_object(selector: Selector, triple: Triple, subject: Phrase, obj: Phrase) -> tuple[str, str] | None:
    new = selector.object(triple, obj.attributes)
    if new is None:
        return None
    return relation_sentence(subject, triple.predicate, Phrase(new, obj.attributes)), new


def _new_predicate(selector: Selector, triple: Triple, subject: Phrase, obj: Phrase) -> tuple[str, str] | None:
    new = selector.predicate(triple)
    return None if new is None else (relation_sentence(subject, new, obj), new)
