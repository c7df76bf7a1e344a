"""HNC as released (Dönmez et al., CoNLL 2023), mode `released`: every pair that the release writes for an image.

Defects are named in released_selection.py and in the caption types. They are reproduced, so these rows are not checked
(verdict `unchecked`). Order within an image is that of the twelve builders, and every pair has a separate positive, as
in the released files.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

from nearmiss.base.seeding import rng
from nearmiss.engine.text.inflection import is_plural
from nearmiss.engine.text.scene_graphs.graphs import Graph, Node, Triple
from nearmiss.engine.text.scene_graphs.wording import Phrase, be, either_object, fill, same_number
from nearmiss.stages.negatives.scene_graph.pairs import Pair
from nearmiss.stages.negatives.scene_graph.released_selection import (
    ReleasedSelector,
    article_by_letter,
    inverted_agreement,
    skipped,
)
from nearmiss.stages.negatives.scene_graph.released_types import (
    attribute,
    attribute_subg,
    kept,
    names,
    obj_comp_count,
    obj_count,
    obj_verify_count,
    obj_verify_count_attr,
    relation,
    relation_attr,
)
from nearmiss.stages.negatives.scene_graph.replacement import Statistics

_SLOTS = ("subj", "obj", "pred")


def and_logic_attr(selector: ReleasedSelector) -> Iterator[Pair]:
    """There are both a red cube and a blue ball / There are both a green cube and a blue ball.

    One of the objects is always the first that has attributes: the intended chain does not advance.
    """
    for anchor, node in _anchored(selector):
        values = [selector.rng.choice(each.attributes) for each in (anchor, node)]
        side = selector.rng.randrange(2)
        new = selector.attribute((anchor, node)[side].name, values[side])
        if new is not None:
            changed = [new if index == side else value for index, value in enumerate(values)]
            positive = _both_attributes((anchor.name, values[0]), (node.name, values[1]))
            negative = _both_attributes((anchor.name, changed[0]), (node.name, changed[1]))
            kind = "both_of_one_name" if anchor.name == node.name else "both_attributes"
            yield Pair("and_logic_attr", kind, positive, negative, new)


def xor_logic_attr(selector: ReleasedSelector) -> Iterator[Pair]:
    """There is either a green cube or a blue ball / There is either a red cube or a blue ball: there are both.

    That the cube is not green is concluded from its annotation, regardless of other cubes. The verb agrees with the
    first noun. There is no pair if one of the two drawn attributes is annotated of both objects.
    """
    for anchor, node in _anchored(selector):
        if anchor.name == node.name:
            continue
        values = [selector.rng.choice(each.attributes) for each in (anchor, node)]
        if values[0] in node.attributes or values[1] in anchor.attributes:
            continue
        side = selector.rng.randrange(2)
        new = selector.attribute((anchor, node)[side].name, values[side])
        if new is not None:
            changed = [new if index == side else value for index, value in enumerate(values)]
            positive = _either_attribute((anchor.name, changed[0]), (node.name, changed[1]))
            negative = _either_attribute((anchor.name, values[0]), (node.name, values[1]))
            yield Pair("xor_logic_attr", "either_attribute", positive, negative, values[side])


def and_logic_rel(selector: ReleasedSelector) -> Iterator[Pair]:
    """There are both a fork on the tissue and a banana to the left of the juice / ... on the plate and a banana ...

    Subjects form a chain: the first of the annotation, then the others in a random order (that of a set). The relations
    of two neighbors are paired in their order. The changed slot is drawn once for all pairs of two subjects. The
    negative keeps the form of a positive whose two relations are one predicate to one object; it can be its positive.
    """
    of_subject: dict[str, list[Triple]] = {}
    for triple in selector.graph.triples:
        of_subject.setdefault(triple.subject.object_id, []).append(triple)
    first, others = list(of_subject.values())[:1], list(of_subject.values())[1:]
    selector.rng.shuffle(others)
    for before, after in pairwise(first + others):
        slot = selector.rng.choice(_SLOTS)
        for sides in zip(before, after, strict=False):
            if not all(map(kept, sides)) or _crossed(*sides):
                continue
            side = selector.rng.randrange(2)
            changed, new = _changed(selector, sides, side, slot)
            if changed is None or new is None:
                continue
            negative = (changed, sides[1]) if side == 0 else (sides[0], changed)
            if skipped(changed.predicate, *names(changed)) or _crossed(*negative):
                continue
            form = _form(*sides)
            form_of_negative = _form(*negative) if slot == "pred" and form == "both_related" else form
            kind, positive = _both_related(*sides, form)
            yield Pair("and_logic_rel", kind, positive, _both_related(*negative, form_of_negative)[1], new)


def xor_logic_rel(selector: ReleasedSelector) -> Iterator[Pair]:
    """The fence is behind either the elephant or the trunk / The fence is behind either the elephant or the bush.

    Only the last predicate of a subject is used, since each overwrites the previous one. No pair states a location
    relative to the background, neither of the two objects nor of the third one.
    """
    groups: dict[str, list[Triple]] = {}
    for triple in selector.graph.triples:
        group = groups.setdefault(triple.subject.object_id, [])
        if group and group[-1].predicate != triple.predicate:
            group.clear()
        group.append(triple)
    for group in groups.values():
        found = _two_objects(selector, group)
        if found is None:
            continue
        one, other = found
        if same_number(one.object.name, other.object.name) or not kept(one) or not kept(other):
            continue
        third = selector.entity(other, other.object, excluded=(one.object,))
        if third is not None and not skipped(other.predicate, *names(other, other.object), third.name):
            subject, known = Phrase(one.subject.name), Phrase(one.object.name)
            positive = either_object(subject, one.predicate, known, Phrase(third.name))
            negative = either_object(subject, one.predicate, known, Phrase(other.object.name))
            yield Pair("xor_logic_rel", "either_object", positive, negative, other.object.name)


def _two_objects(selector: ReleasedSelector, group: list[Triple]) -> tuple[Triple, Triple] | None:
    """Two relations of a subject by one predicate: the two in their order, or a draw from more."""
    if len(group) == 2:
        return group[0], group[1]
    one = selector.rng.choice(group)
    others = [each for each in group if each.object is not one.object]
    return (one, selector.rng.choice(others)) if others else None


def _anchored(selector: ReleasedSelector) -> Iterator[tuple[Node, Node]]:
    described = [node for node in selector.graph.nodes if node.attributes]
    for node in described[1:]:
        yield described[0], node


def _both_attributes(one: tuple[str, str], other: tuple[str, str]) -> str:
    (name, value), (other_name, other_value) = one, other
    verb = "are" if name != other_name and (is_plural(name) or is_plural(other_name)) else "is"
    first, second = article_by_letter(name, value), article_by_letter(other_name, other_value)
    if name != other_name:
        return fill("both_attributes", be=verb, one=first, other=second)
    parts = {"one": first.removesuffix(f" {name}"), "other": second.removesuffix(f" {name}")}
    return fill("both_of_one_name", be=verb, thing=name, **parts)


def _either_attribute(one: tuple[str, str], other: tuple[str, str]) -> str:
    parts = {"one": article_by_letter(*one), "other": article_by_letter(*other)}
    return fill("either_attribute", be=be(one[0]), **parts)


def _changed(
    selector: ReleasedSelector, sides: tuple[Triple, Triple], side: int, slot: str
) -> tuple[Triple | None, str | None]:
    """The changed triple of one side, and the new word; the second subject is chosen by the *first* predicate."""
    triple = sides[side]
    if slot == "pred":
        predicate = selector.predicate(triple)
        return (None, None) if predicate is None else (Triple(triple.subject, predicate, triple.object), predicate)
    if slot == "subj":
        node = selector.entity(Triple(triple.subject, sides[0].predicate, triple.object), triple.subject)
        return (None, None) if node is None else (Triple(node, triple.predicate, triple.object), node.name)
    node = selector.entity(triple, triple.object)
    return (None, None) if node is None else (Triple(triple.subject, triple.predicate, node), node.name)


def _crossed(one: Triple, other: Triple) -> bool:
    """Whether the subject of one triple is the object of the other."""
    return one.subject is other.object or other.subject is one.object


def _form(one: Triple, other: Triple) -> str:
    """The template of two triples, by whether they have one predicate and one object, or one name of the object."""
    if one.predicate != other.predicate or one.object.name != other.object.name:
        return "both_related"
    return "both_to_one_thing" if one.object is other.object else "both_to_two_of_one_name"


def _both_related(one: Triple, other: Triple, form: str) -> tuple[str, str]:
    """(template, sentence) of two triples in a given form; triples of one subject name have a form of their own.

    The form "to one thing" states the second predicate and object of both subjects.
    """
    (subject, obj), (other_subject, other_obj) = names(one), names(other)
    second = {"other_predicate": other.predicate, "other_object": other_obj}
    if subject == other_subject:
        parts = {"subject": subject, "be": "is", "predicate": one.predicate, "object": obj}
        return "both_of_one_thing", fill("both_of_one_thing", **parts, **second)
    subjects = {"one": article_by_letter(subject), "other": article_by_letter(other_subject)}
    if form == "both_to_one_thing":
        if is_plural(subject):
            subjects["other"] = other_subject
        return form, fill(form, be="are", predicate=other.predicate, object=other_obj, **subjects)
    if form == "both_to_two_of_one_name":
        articles = {
            "article": "the" if is_plural(obj) else article_by_letter(obj).split()[0],
            "another": "other" if is_plural(other_obj) else "another",
        }
        return form, fill(form, be="are", predicate=one.predicate, object=obj, **articles, **subjects, **second)
    return form, fill(form, be=inverted_agreement(subject), predicate=one.predicate, object=obj, **subjects, **second)


# In the order of the release.
BUILDERS: tuple[Callable[[ReleasedSelector], Iterator[Pair]], ...] = (
    *(attribute, attribute_subg, relation, relation_attr),
    *(obj_count, obj_comp_count, obj_verify_count, obj_verify_count_attr),
    *(and_logic_attr, and_logic_rel, xor_logic_attr, xor_logic_rel),
)


def released_pairs(graph: Graph, statistics: Statistics, seed: int) -> Iterator[Pair]:
    """All pairs of one image; each builder has a separate seed."""
    for builder in BUILDERS:
        random = rng(seed, "scene_graph", "faithful", graph.image_id, builder.__name__)
        yield from builder(ReleasedSelector(graph, statistics, random))
