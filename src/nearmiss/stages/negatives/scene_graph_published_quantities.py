"""HNC's caption types on quantities as published."""

from collections.abc import Iterator
from itertools import combinations

from nearmiss.engine.text.inflection import is_plural
from nearmiss.stages.negatives.scene_graph_published_defects import body_part, comparison, false_count
from nearmiss.stages.negatives.scene_graph_published_selection import PublishedSelector
from nearmiss.stages.negatives.scene_graph_published_types import kept, names
from nearmiss.stages.negatives.scene_graph_sources import Pair
from nearmiss.stages.negatives.scene_graph_wording import (
    Phrase,
    count_sentence,
    existence_of_attribute,
    existence_of_related,
    uncountable,
)

# The least number that is spoken of. The released configuration says 3; the released data has ones and twos.
_LEAST = 1
_SHARED = range(2, 10)  # how many names must have one number for numbers to be compared


def obj_count(selector: PublishedSelector) -> Iterator[Pair]:
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


def obj_comp_count(selector: PublishedSelector) -> Iterator[Pair]:
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


def obj_verify_count(selector: PublishedSelector) -> Iterator[Pair]:
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


def obj_verify_count_attr(selector: PublishedSelector) -> Iterator[Pair]:
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
