"""HNC as released (Dönmez et al., CoNLL 2023), mode `released`: every pair that the release writes for an image.

Defects are named in released_selection.py and in the caption types. They are reproduced, so these rows are not checked
(verdict `unchecked`). Order within an image is that of the twelve builders, and every pair has a separate positive, as
in the released files.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

from nearmiss.base.seeding import rng
from nearmiss.engine.text.inflection import is_plural
from nearmiss.stages.negatives.scene_graph.graphs import Graph, Node, Triple
from nearmiss.stages.negatives.scene_graph.released_selection import (
    ReleasedSelector,
    article_by_letter,
    inverted_agreement,
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
from nearmiss.stages.negatives.scene_graph.sources import Pair
from nearmiss.stages.negatives.scene_graph.wording import Phrase, be, either_object, fill, same_number

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
    first noun.
    """
    for anchor, node in _anchored(selector):
        if anchor.name == node.name:
            continue
        first = [value for value in anchor.attributes if value not in node.attributes]
        second = [value for value in node.attributes if value not in anchor.attributes]
        if not first or not second:
            continue
        values = [selector.rng.choice(first), selector.rng.choice(second)]
        side = selector.rng.randrange(2)
        new = selector.attribute((anchor, node)[side].name, values[side])
        if new is not None:
            changed = [new if index == side else value for index, value in enumerate(values)]
            positive = _either_attribute((anchor.name, changed[0]), (node.name, changed[1]))
            negative = _either_attribute((anchor.name, values[0]), (node.name, values[1]))
            yield Pair("xor_logic_attr", "either_attribute", positive, negative, values[side])


def and_logic_rel(selector: ReleasedSelector) -> Iterator[Pair]:
    """There are both a fork on the tissue and a banana to the left of the juice / ... on the plate and a banana ...

    Subjects form a chain (its order is that of the ids; a set's, in the release), and the relations of two neighbors
    are paired in their order. The changed slot is drawn once for all pairs of two subjects.
    """
    of_subject: dict[str, list[Triple]] = {}
    for triple in selector.graph.triples:
        of_subject.setdefault(triple.subject.object_id, []).append(triple)
    chain = list(of_subject.values())
    for before, after in pairwise(chain):
        slot = selector.rng.choice(_SLOTS)
        for one, other in zip(before, after, strict=False):
            sides = (one, other)
            if not all(map(kept, sides)) or one.subject is other.object or other.subject is one.object:
                continue
            side = selector.rng.randrange(2)
            changed, new = _changed(selector, sides, side, slot)
            if changed is not None and new is not None:
                sides_of_negative = (changed, other) if side == 0 else (one, changed)
                kind, positive = _both_related(one, other)
                yield Pair("and_logic_rel", kind, positive, _both_related(*sides_of_negative)[1], new)


def xor_logic_rel(selector: ReleasedSelector) -> Iterator[Pair]:
    """The fence is behind either the elephant or the trunk / The fence is behind either the elephant or the bush.

    Only the last predicate of a subject is used, since each overwrites the previous one.
    """
    groups: dict[str, list[Triple]] = {}
    for triple in selector.graph.triples:
        group = groups.setdefault(triple.subject.object_id, [])
        if group and group[-1].predicate != triple.predicate:
            group.clear()
        group.append(triple)
    for group in groups.values():
        if len(group) < 2:
            continue
        one, other = selector.rng.sample(group, 2)
        if one.object.name == other.object.name or not kept(one) or not kept(other):
            continue
        third = selector.entity(other, other.object, excluded=(one.object,))
        if third is not None:
            subject, known = Phrase(one.subject.name), Phrase(one.object.name)
            positive = either_object(subject, one.predicate, known, Phrase(third.name))
            negative = either_object(subject, one.predicate, known, Phrase(other.object.name))
            yield Pair("xor_logic_rel", "either_object", positive, negative, other.object.name)


def _anchored(selector: ReleasedSelector) -> Iterator[tuple[Node, Node]]:
    described = [node for node in selector.graph.nodes if node.attributes]
    for node in described[1:]:
        yield described[0], node


def _both_attributes(one: tuple[str, str], other: tuple[str, str]) -> str:
    (name, value), (other_name, other_value) = one, other
    verb = "are" if is_plural(name) or is_plural(other_name) else "is"
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


def _both_related(one: Triple, other: Triple) -> tuple[str, str]:
    """(template, sentence) of two triples."""
    (subject, obj), (other_subject, other_obj) = names(one), names(other)
    verb = inverted_agreement(subject)
    parts = {"one": article_by_letter(subject), "predicate": one.predicate, "object": obj}
    second = {
        "other": article_by_letter(other_subject),
        "other_predicate": other.predicate,
        "other_object": other_obj,
    }
    if same_number(subject, other_subject):
        del parts["one"], second["other"]
        return "both_of_one_thing", fill("both_of_one_thing", subject=subject, be="is", **parts, **second)
    if one.predicate == other.predicate and one.object is other.object:
        return "both_to_one_thing", fill("both_to_one_thing", be=verb, other=second["other"], **parts)
    if one.predicate == other.predicate and obj == other_obj:
        articles = ("the", "other") if is_plural(obj) else (article_by_letter(obj).split()[0], "another")
        kind = "both_to_two_of_one_name"
        return kind, fill(kind, be=verb, article=articles[0], another=articles[1], **parts, **second)
    return "both_related", fill("both_related", be=verb, **parts, **second)


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
