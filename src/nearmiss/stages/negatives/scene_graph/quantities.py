"""HNC's caption types on quantity other than obj_count: comparison of two numbers, and existence.

Such statements are true of many other images, so their negatives are used only for their image (concepts count and
existence).
"""

from collections.abc import Iterator

from nearmiss.engine.text.scene_graphs.graphs import Node
from nearmiss.engine.text.scene_graphs.sources import attributes, identifying_phrase, triples
from nearmiss.engine.text.scene_graphs.wording import (
    comparable,
    comparison_sentence,
    existence_of_attribute,
    existence_of_related,
    same_name,
    uncountable,
)
from nearmiss.stages.negatives.scene_graph.pairs import Outcome, Pair, Refusal, refuse, uncounted
from nearmiss.stages.negatives.scene_graph.replacement import Selector


def obj_comp_count(selector: Selector) -> Iterator[Outcome]:
    """There are more cubes than balls / There are fewer cubes than balls, or: There are as many cubes as balls.

    Corrected: "fewer" compares in the order of the sentence. Our choice: the order of each pair is random, and
    sources are subsampled so that each comparator is as often true as false (HNC: all pairs of a few random names).
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
            yield Refusal("obj_comp_count", positive, "the comparator would reveal the label")
        else:
            negative = comparison_sentence(false, name, other)
            yield Pair("obj_comp_count", false, positive, negative, None)


def obj_verify_count(selector: Selector) -> Iterator[Outcome]:
    """There is at least one cube that is above the ball / There is no cube that is above the ball, and the reverse.

    Corrected: "no" is true only if no object of the name has the relation by the annotations and the boxes (HNC checks
    one object of the name, without its box).
    """
    graph = selector.graph
    for triple in triples(selector.graph, selector.rng):
        name, predicate = triple.subject.name, triple.predicate
        refusal = refuse("obj_verify_count", triple) or _mass("obj_verify_count", name, triple.object.name)
        if refusal is not None:
            yield refusal
            continue
        obj = identifying_phrase(graph, triple.object)
        if obj is None or same_name(name, triple.object.name):
            yield Refusal("obj_verify_count", None, "no description identifies the object")
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
        positive = existence_of_related(name, predicate, obj, exists=exists)
        negative = existence_of_related(name, predicate, obj, exists=not exists)
        yield Pair("obj_verify_count", "exists_related", positive, negative, None)


def obj_verify_count_attr(selector: Selector) -> Iterator[Outcome]:
    """There is at least one cube that is red / There is no cube that is red, and the reverse."""
    graph = selector.graph
    for node, carried in attributes(selector.graph, selector.rng):
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
    """Another comparator; None if the pair is left out for balance.

    "as many" is false only of unequal numbers and true only of equal ones, so the more frequent kind is subsampled to
    the number of the rarer one.
    """
    equal, unequal, rng = selector.statistics.equal, selector.statistics.unequal, selector.rng
    if true == "as_many":
        return rng.choice(("more", "fewer")) if rng.randrange(max(equal, 1)) < unequal else None
    if rng.randrange(max(unequal, 1)) < equal:
        return "as_many"
    return "fewer" if true == "more" else "more"


def _mass(type_name: str, *names: str) -> Refusal | None:
    return Refusal(type_name, None, "uncountable") if any(map(uncountable, names)) else None


def _another(node: Node, obj: Node) -> bool:
    """Whether the node is another object that may have the same name."""
    return node is not obj and same_name(node.name, obj.name)
