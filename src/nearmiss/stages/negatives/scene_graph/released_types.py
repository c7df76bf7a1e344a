"""HNC's caption types on attributes, relations and quantities as released.

Each gives one pair of every source, in the release's order.
"""

from collections.abc import Iterator
from itertools import combinations

from nearmiss.engine.text.inflection import is_plural
from nearmiss.stages.negatives.scene_graph.graphs import Node, Triple
from nearmiss.stages.negatives.scene_graph.released_selection import (
    ReleasedSelector,
    body_part,
    comparison,
    false_count,
    skipped,
)
from nearmiss.stages.negatives.scene_graph.sources import Pair
from nearmiss.stages.negatives.scene_graph.wording import (
    Phrase,
    attribute_sentence,
    count_sentence,
    existence_of_attribute,
    existence_of_related,
    relation_sentence,
    same_number,
    uncountable,
)

_TRIES = 11  # draws of each option for an attribute


def attribute(selector: ReleasedSelector) -> Iterator[Pair]:
    """The cube is red / The cube is blue, or The ball is red (type "object"); other cubes and balls are not asked."""
    for node in selector.graph.nodes:
        for value in node.attributes:
            positive = attribute_sentence(node.name, value)
            found = _foiled(selector, node, value)
            if found is not None:
                type_name, foil, new = found
                negative = attribute_sentence(foil.name, foil.attributes[0])
                yield Pair(type_name, "attribute", positive, negative, new)


def attribute_subg(selector: ReleasedSelector) -> Iterator[Pair]:
    """The red cube is above the ball / The blue cube is above the ball, or The red star is above the ball."""
    for triple in selector.graph.triples:
        subject, thing = triple.subject, triple.object
        if subject.attributes and thing.attributes and kept(triple):
            value = selector.rng.choice(subject.attributes)
            found = _foiled(selector, subject, value)
            if found is not None:
                _, foil, new = found
                yield _pair("attribute_subg", triple, Phrase(subject.name, (value,)), foil=foil, new=new)


def relation(selector: ReleasedSelector) -> Iterator[Pair]:
    """One of subject, object and predicate is another one that the scene has; it is not asked whether that is true."""
    for triple in selector.graph.triples:
        slot = selector.rng.choice(("subj", "pred", "obj"))
        if slot == "pred":
            predicate = selector.predicate(triple)
            if predicate is not None and kept(triple) and not skipped(predicate, *names(triple)):
                yield _pair("relation_pred", triple, predicate=predicate, new=predicate)
            continue
        replaced = triple.subject if slot == "subj" else triple.object
        node = selector.entity(triple, replaced)
        if node is not None and kept(triple) and not skipped(triple.predicate, node.name, *names(triple, replaced)):
            said = Phrase(node.name)
            foil, thing = (said, None) if slot == "subj" else (None, said)
            yield _pair(f"relation_{slot}", triple, foil=foil, thing_foil=thing, new=node.name)


def relation_attr(selector: ReleasedSelector) -> Iterator[Pair]:
    """The same with attributes: a replaced thing is not annotated with the attribute, others of its name may be."""
    for triple in selector.graph.triples:
        slot = selector.rng.choice(("attr_subj", "attr_pred", "attr_obj"))
        subject, thing = triple.subject, triple.object
        if slot == "attr_pred":
            if not subject.attributes or not thing.attributes:
                continue
            predicate = selector.predicate(triple)
            first, second = selector.rng.choice(subject.attributes), selector.rng.choice(thing.attributes)
            if predicate is not None and kept(triple) and not skipped(predicate, *names(triple)):
                one, other = Phrase(subject.name, (first,)), Phrase(thing.name, (second,))
                yield _pair("relation_attr_pred", triple, one, other, predicate=predicate, new=predicate)
            continue
        replaced = subject if slot == "attr_subj" else thing
        found = selector.entity_with_attribute(triple, replaced)
        if found is None or not kept(triple):
            continue
        node, value = found
        if skipped(triple.predicate, node.name, *names(triple, replaced)):
            continue
        said, new = Phrase(replaced.name, (value,)), Phrase(node.name, (value,))
        if slot == "attr_subj":
            yield _pair("relation_attr_subj", triple, said, foil=new, new=node.name)
        else:
            yield _pair("relation_attr_obj", triple, thing=said, thing_foil=new, new=node.name)


def kept(triple: Triple) -> bool:
    """Whether the release writes of this triple: no thing beside its like, no place relative to the background."""
    return not same_number(*names(triple)) and not skipped(triple.predicate, *names(triple))


def names(triple: Triple, but: Node | None = None) -> list[str]:
    """Names of subject and object, but for one of them."""
    return [node.name for node in (triple.subject, triple.object) if node is not but]


def _foiled(selector: ReleasedSelector, node: Node, value: str) -> tuple[str, Phrase, str] | None:
    """(type, foil, what is new) of an attribute of a thing: another attribute or another bearer, in drawn order."""
    options = selector.rng.sample(("attribute", "object"), 2)
    for option in options:
        for _ in range(_TRIES):
            if option == "attribute":
                other = selector.attribute(node.name, value)
                if other is not None:
                    return option, Phrase(node.name, (other,)), other
            else:
                bearer = selector.bearer(node, value)
                if bearer is not None:
                    return option, Phrase(bearer.name, (value,)), bearer.name
    return None


def _pair(
    type_name: str,
    triple: Triple,
    subject: Phrase | None = None,
    thing: Phrase | None = None,
    *,
    foil: Phrase | None = None,
    thing_foil: Phrase | None = None,
    predicate: str | None = None,
    new: str,
) -> Pair:
    """The sentence of a triple and the one with the foils in the places of what they replace."""
    subject, thing = subject or Phrase(triple.subject.name), thing or Phrase(triple.object.name)
    positive = relation_sentence(subject, triple.predicate, thing)
    negative = relation_sentence(foil or subject, predicate or triple.predicate, thing_foil or thing)
    return Pair(type_name, "relation", positive, negative, new)


# The least number that is spoken of. The released configuration says 3; the released data has ones and twos.
_LEAST = 1
_SHARED = range(2, 10)  # how many names must have one number for numbers to be compared


def obj_count(selector: ReleasedSelector) -> Iterator[Pair]:
    """There are six trees / There are four tree. A name that occurs often goes with one that occurs once."""
    numbers = selector.graph.numbers
    counted = [name for name in sorted(numbers) if _counted(name)]
    single = [name for name in counted if numbers[name] == 1]
    for name in [name for name in counted if numbers[name] > 1]:
        if not single:
            return
        for each in (name, selector.rng.choice(single)):
            true = numbers[each]
            false = selector.number(each, true) if true >= _LEAST else None
            if false is not None:
                negative = false_count(each, true, false)
                yield Pair("obj_count", "count", count_sentence(each, true), negative, None)


def obj_comp_count(selector: ReleasedSelector) -> Iterator[Pair]:
    """There are more cars than benches / There are fewer benches than cars, which is as true (see the defects)."""
    numbers, rng = selector.graph.numbers, selector.rng
    groups: dict[int, list[str]] = {}
    for name in sorted(numbers):
        if _counted(name):
            groups.setdefault(numbers[name], []).append(name)
    if len(groups) < 2 or not any(len(group) in _SHARED for group in groups.values()):
        return
    if len(groups.get(1, ())) > 2:
        groups[1] = rng.sample(groups[1], 2)
    chosen = [name for number in sorted(groups) for name in groups[number]]
    rng.shuffle(chosen)
    for name, other in combinations(chosen, 2):
        if numbers[name] == numbers[other]:
            true, false = "as_many", ("more", "fewer")
        elif numbers[name] > numbers[other]:
            true, false = "more", ("as_many", "fewer")
        else:
            true, false = "fewer", ("as_many", "more")
        foil = rng.choice(false)
        yield Pair("obj_comp_count", foil, comparison(true, name, other), comparison(foil, name, other), None)


def obj_verify_count(selector: ReleasedSelector) -> Iterator[Pair]:
    """There is at least one cube that is above the ball / There is no ..., and the reverse with another predicate.

    That one is not held against the boxes, and another cube may satisfy it.
    """
    for triple in selector.graph.triples:
        name, thing = triple.subject.name, Phrase(triple.object.name)
        if not kept(triple) or any(map(uncountable, names(triple))):
            continue
        exists = selector.rng.random() < 0.5
        predicate = triple.predicate if exists else selector.predicate(triple, by_boxes=False)
        if predicate is not None:
            positive = existence_of_related(name, predicate, thing, exists=exists)
            negative = existence_of_related(name, predicate, thing, exists=not exists)
            yield Pair("obj_verify_count", "exists_related", positive, negative, None)


def obj_verify_count_attr(selector: ReleasedSelector) -> Iterator[Pair]:
    """There is at least one cube that is red / There is no cube that is red, and the reverse with another attribute.

    That one may be annotated of another cube, or of this one.
    """
    for node in selector.graph.nodes:
        if not node.attributes or uncountable(node.name):
            continue
        carried = selector.rng.choice(node.attributes)
        exists = selector.rng.random() < 0.5
        value = carried if exists else selector.attribute(node.name, carried)
        if value is not None:
            positive = existence_of_attribute(node.name, value, exists=exists)
            negative = existence_of_attribute(node.name, value, exists=not exists)
            yield Pair("obj_verify_count_attr", "exists_attribute", positive, negative, None)


def _counted(name: str) -> bool:
    return not (body_part(name) or uncountable(name) or is_plural(name))
