"""HNC's caption types on quantity beside obj_count: two numbers compared, and whether there is any such thing at all.

What they say is true of many other images, so their foils are negatives of their own image alone (their concepts are
count and existence).
"""

from collections.abc import Iterator

from nearmiss.stages.negatives.scene_graph.graphs import Node
from nearmiss.stages.negatives.scene_graph.replacement import Selector
from nearmiss.stages.negatives.scene_graph.sources import (
    Outcome,
    Pair,
    Refusal,
    attributes,
    plain,
    refuse,
    triples,
    uncounted,
)
from nearmiss.stages.negatives.scene_graph.wording import (
    comparable,
    comparison_sentence,
    existence_of_attribute,
    existence_of_related,
    same_name,
    uncountable,
)


def obj_comp_count(selector: Selector) -> Iterator[Outcome]:
    """There are more cubes than balls / There are fewer cubes than balls, or: There are as many cubes as balls.

    Corrected: "fewer" compares in the order in which it is said. Our choice: each pair is told from either end, and
    sources are thinned so that each comparator is as often true as false (HNC: all pairs of a drawn few names).
    """
    numbers, rng = selector.graph.numbers, selector.rng
    pairs = comparable(numbers)
    rng.shuffle(pairs)
    for names in pairs:
        name, other = names if rng.random() < 0.5 else names[::-1]
        true = _comparator(numbers[name], numbers[other])
        false = _other_comparator(true, selector)
        positive = comparison_sentence(true, name, other)
        if false is None:
            yield Refusal("obj_comp_count", positive, "the comparator alone would tell")
        else:
            negative = comparison_sentence(false, name, other)
            yield Pair("obj_comp_count", false, positive, negative, None)


def obj_verify_count(selector: Selector) -> Iterator[Outcome]:
    """There is at least one cube that is above the ball / There is no cube that is above the ball, and the reverse.

    Corrected: where "no" is true, nothing of that name stands in the relation, neither by the annotations nor as far as
    the boxes can tell (HNC looks at one thing of the name, and not at its box).
    """
    graph = selector.graph
    for triple in triples(selector):
        name, predicate = triple.subject.name, triple.predicate
        refusal = refuse("obj_verify_count", triple) or _mass("obj_verify_count", name, triple.object.name)
        if refusal is not None:
            yield refusal
            continue
        thing = plain(graph, triple.object)
        if thing is None or same_name(name, triple.object.name):
            yield Refusal("obj_verify_count", None, "no words tell which thing is meant")
            continue
        exists = selector.rng.random() < 0.5
        if not exists:
            refusal = uncounted("obj_verify_count", graph, name)
            if refusal is not None:
                yield refusal
                continue
            alike = [node for node in graph.nodes if _another(node, triple.subject)]
            absent = selector.predicate(triple, alike)
            if absent is None:
                yield Refusal("obj_verify_count", None, "no replacement fits")
                continue
            predicate = absent
        positive = existence_of_related(name, predicate, thing, exists=exists)
        negative = existence_of_related(name, predicate, thing, exists=not exists)
        yield Pair("obj_verify_count", "exists_related", positive, negative, None)


def obj_verify_count_attr(selector: Selector) -> Iterator[Outcome]:
    """There is at least one cube that is red / There is no cube that is red, and the reverse."""
    graph = selector.graph
    for node, carried in attributes(selector):
        refusal = _mass("obj_verify_count_attr", node.name)
        if refusal is not None:
            yield refusal
            continue
        exists, value = selector.rng.random() < 0.5, carried
        if not exists:
            refusal = uncounted("obj_verify_count_attr", graph, node.name)
            if refusal is not None:
                yield refusal
                continue
            absent = selector.attribute(node.name, carried)
            if absent is None or any(absent in other.attributes for other in graph.nodes if _another(other, node)):
                yield Refusal("obj_verify_count_attr", None, "no other attribute of this kind is known of this name")
                continue
            value = absent
        positive = existence_of_attribute(node.name, value, exists=exists)
        negative = existence_of_attribute(node.name, value, exists=not exists)
        yield Pair("obj_verify_count_attr", "exists_attribute", positive, negative, None)


def _comparator(number: int, other: int) -> str:
    if number == other:
        return "as_many"
    return "more" if number > other else "fewer"


def _other_comparator(true: str, selector: Selector) -> str | None:
    """Another comparator, None where the pair must be left out for balance.

    "as many" is false of unequal numbers alone, and true of equal ones alone: of the commoner kind as many take part as
    there are of the rarer one.
    """
    equal, unequal, rng = selector.statistics.equal, selector.statistics.unequal, selector.rng
    if true == "as_many":
        return rng.choice(("more", "fewer")) if rng.randrange(max(equal, 1)) < unequal else None
    if rng.randrange(max(unequal, 1)) < equal:
        return "as_many"
    return "fewer" if true == "more" else "more"


def _mass(type_name: str, *names: str) -> Refusal | None:
    return Refusal(type_name, None, "uncountable") if any(map(uncountable, names)) else None


def _another(node: Node, thing: Node) -> bool:
    """Whether the node is another thing that may go by the same name."""
    return node is not thing and same_name(node.name, thing.name)
