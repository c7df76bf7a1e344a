"""HNC's caption types on attributes, relations and quantities as released.

Each yields one pair for every source, in the order of the release.
"""

from collections.abc import Iterator
from itertools import combinations

from nearmiss.engine.text.inflection import is_plural
from nearmiss.engine.text.scene_graphs.graphs import Node, Triple
from nearmiss.engine.text.scene_graphs.wording import (
    Phrase,
    attribute_sentence,
    count_sentence,
    existence_of_attribute,
    existence_of_related,
    relation_sentence,
    same_number,
)
from nearmiss.stages.negatives.scene_graph.pairs import Pair
from nearmiss.stages.negatives.scene_graph.released_selection import (
    ReleasedSelector,
    body_part,
    comparison,
    false_count,
    skipped,
    uncountable,
)

_TRIES = 11  # draws of another bearer of an attribute; the last one is used even if it is to be skipped


def attribute(selector: ReleasedSelector) -> Iterator[Pair]:
    """The cube is red / The cube is blue, or The ball is red (type "object"); other cubes and balls are not checked."""
    for node in selector.graph.nodes:
        for value in node.attributes:
            positive = attribute_sentence(node.name, value)
            found = _changed(selector, node, value)
            if found is not None:
                type_name, subject_changed, new = found
                negative = attribute_sentence(subject_changed.name, subject_changed.attributes[0])
                yield Pair(type_name, "attribute", positive, negative, new)


def attribute_subg(selector: ReleasedSelector) -> Iterator[Pair]:
    """The red cube is above the ball / The blue cube is above the ball, or The red star is above the ball."""
    for triple in selector.graph.triples:
        subject, obj = triple.subject, triple.object
        if subject.attributes and obj.attributes and kept(triple):
            value = selector.rng.choice(subject.attributes)
            found = _changed(selector, subject, value, triple)
            if found is not None:
                _, subject_changed, new = found
                yield _pair(
                    "attribute_subg", triple, Phrase(subject.name, (value,)), subject_changed=subject_changed, new=new
                )


def relation(selector: ReleasedSelector) -> Iterator[Pair]:
    """One of subject, object and predicate is replaced by another one of the scene; the result is not checked."""
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
            phrase = Phrase(node.name)
            subject_changed, obj = (phrase, None) if slot == "subj" else (None, phrase)
            yield _pair(f"relation_{slot}", triple, subject_changed=subject_changed, object_changed=obj, new=node.name)


def relation_attr(selector: ReleasedSelector) -> Iterator[Pair]:
    """The same with attributes: the new object is not annotated with the attribute, others of its name may be."""
    for triple in selector.graph.triples:
        slot = selector.rng.choice(("attr_subj", "attr_pred", "attr_obj"))
        subject, obj = triple.subject, triple.object
        if slot == "attr_pred":
            if not subject.attributes or not obj.attributes:
                continue
            predicate = selector.predicate(triple)
            first, second = selector.rng.choice(subject.attributes), selector.rng.choice(obj.attributes)
            if predicate is not None and kept(triple) and not skipped(predicate, *names(triple)):
                one, other = Phrase(subject.name, (first,)), Phrase(obj.name, (second,))
                yield _pair("relation_attr_pred", triple, one, other, predicate=predicate, new=predicate)
            continue
        replaced = subject if slot == "attr_subj" else obj
        found = selector.entity_with_attribute(triple, replaced)
        if found is None or not kept(triple):
            continue
        node, value = found
        if skipped(triple.predicate, node.name, *names(triple, replaced)):
            continue
        phrase, new = Phrase(replaced.name, (value,)), Phrase(node.name, (value,))
        if slot == "attr_subj":
            yield _pair("relation_attr_subj", triple, phrase, subject_changed=new, new=node.name)
        else:
            yield _pair("relation_attr_obj", triple, obj=phrase, object_changed=new, new=node.name)


def kept(triple: Triple) -> bool:
    """Whether the release uses this triple: two different names, no location relative to the background."""
    return not same_number(*names(triple)) and not skipped(triple.predicate, *names(triple))


def names(triple: Triple, but: Node | None = None) -> list[str]:
    """Names of subject and object without `but`."""
    return [node.name for node in (triple.subject, triple.object) if node is not but]


def _changed(
    selector: ReleasedSelector, node: Node, value: str, triple: Triple | None = None
) -> tuple[str, Phrase, str] | None:
    """(type, changed phrase, new word) for an attribute of an object: another attribute or another bearer.

    `triple`: the relation that the sentence states of the object.
    """
    for option in selector.rng.sample(("attribute", "object"), 2):
        if option == "attribute":
            other = selector.attribute(node.name, value)
            if other is not None:
                return option, Phrase(node.name, (other,)), other
        else:
            bearer = _bearer(selector, node, value, triple)
            if bearer is not None:
                return option, Phrase(bearer.name, (value,)), bearer.name
    return None


def _bearer(selector: ReleasedSelector, node: Node, value: str, triple: Triple | None) -> Node | None:
    for _ in range(_TRIES):
        bearer = selector.bearer(node, value)
        if bearer is None or triple is None or not skipped(triple.predicate, bearer.name, triple.object.name):
            break
    return bearer


def _pair(
    type_name: str,
    triple: Triple,
    subject: Phrase | None = None,
    obj: Phrase | None = None,
    *,
    subject_changed: Phrase | None = None,
    object_changed: Phrase | None = None,
    predicate: str | None = None,
    new: str,
) -> Pair:
    """The sentence of a triple and the sentence with the changed parts."""
    subject, obj = subject or Phrase(triple.subject.name), obj or Phrase(triple.object.name)
    positive = relation_sentence(subject, triple.predicate, obj)
    negative = relation_sentence(subject_changed or subject, predicate or triple.predicate, object_changed or obj)
    return Pair(type_name, "relation", positive, negative, new)


# The smallest number used. The released configuration has 3; the released data contains ones and twos.
_MIN_COUNT = 1
_GROUP_SIZES = range(2, 10)  # number of names with an equal count that is needed for comparisons


def obj_count(selector: ReleasedSelector) -> Iterator[Pair]:
    """There are six trees / There are four tree. Names with several objects are paired with names with one."""
    numbers = selector.graph.numbers
    counted = [name for name in sorted(numbers) if _counted(name)]
    single = [name for name in counted if numbers[name] == 1]
    for name in [name for name in counted if numbers[name] > 1]:
        if not single:
            return
        for each in (name, selector.rng.choice(single)):
            true = numbers[each]
            false = selector.number(each, true) if true >= _MIN_COUNT else None
            if false is not None:
                negative = false_count(each, true, false)
                yield Pair("obj_count", "count", count_sentence(each, true), negative, None)


def obj_comp_count(selector: ReleasedSelector) -> Iterator[Pair]:
    """There are more cars than benches / There are fewer benches than cars, which is also true (see `comparison`)."""
    numbers, rng = selector.graph.numbers, selector.rng
    groups: dict[int, list[str]] = {}
    for name in sorted(numbers):
        if _counted(name):
            groups.setdefault(numbers[name], []).append(name)
    if len(groups.get(1, ())) > 2:
        groups[1] = rng.sample(groups[1], 2)
    if len(groups) < 2 or not any(len(group) in _GROUP_SIZES for group in groups.values()):
        return
    chosen = [name for number in sorted(groups) for name in groups[number]]
    rng.shuffle(chosen)
    for name, other in combinations(chosen, 2):
        if numbers[name] == numbers[other]:
            true, false = "as_many", ("more", "fewer")
        elif numbers[name] > numbers[other]:
            true, false = "more", ("as_many", "fewer")
        else:
            true, false = "fewer", ("as_many", "more")
        subject_changed = rng.choice(false)
        yield Pair(
            "obj_comp_count",
            subject_changed,
            comparison(true, name, other),
            comparison(subject_changed, name, other),
            None,
        )


def obj_verify_count(selector: ReleasedSelector) -> Iterator[Pair]:
    """There is at least one cube that is above the ball / There is no ..., and the reverse with another predicate.

    The other predicate is not checked against the boxes, and another cube may satisfy it. Only the predicate of the
    sentences is put through the constraint on locations.
    """
    for triple in selector.graph.triples:
        name, obj = triple.subject.name, Phrase(triple.object.name)
        if same_number(*names(triple)) or any(map(uncountable, names(triple))):
            continue
        exists = selector.rng.random() < 0.5
        predicate = triple.predicate if exists else selector.predicate(triple, by_boxes=False)
        if predicate is not None and not skipped(predicate, *names(triple)):
            positive = existence_of_related(name, predicate, obj, exists=exists)
            negative = existence_of_related(name, predicate, obj, exists=not exists)
            yield Pair("obj_verify_count", "exists_related", positive, negative, None)


def obj_verify_count_attr(selector: ReleasedSelector) -> Iterator[Pair]:
    """There is at least one cube that is red / There is no cube that is red, and the reverse with another attribute.

    The other attribute may be annotated of another cube, or of this one.
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
