"""What sentences about a graph are made of: its attributes and relations in a random order, and their phrases."""

from collections.abc import Iterator
from random import Random

from nearmiss.engine.text.scene_graphs.graphs import Graph, Node, Triple
from nearmiss.engine.text.scene_graphs.wording import Phrase, same_name, unfit


def identifying_phrase(graph: Graph, node: Node) -> Phrase | None:
    """The name, with the fewest attributes that identify the object (our choice).

    HNC only records that such a sentence is ambiguous.
    """
    attributes = graph.identifying_attributes(node)
    return None if attributes is None else Phrase(node.name, attributes)


def descriptive_phrase(graph: Graph, node: Node) -> Phrase | None:
    """The name with its first two attributes and those that identify the object (HNC: one random attribute).

    Two is our choice: with one attribute, phrases of a small vocabulary are often ambiguous.
    """
    needed = graph.identifying_attributes(node)
    if needed is None or not node.attributes:
        return None
    kept = {*needed, *node.attributes[:2]}
    return Phrase(node.name, tuple(attribute for attribute in node.attributes if attribute in kept))


def attributes(graph: Graph, rng: Random) -> list[tuple[Node, str]]:
    """All attributes with their objects, shuffled."""
    found = [(node, value) for node in graph.nodes for value in node.attributes]
    rng.shuffle(found)
    return found


def triples(graph: Graph, rng: Random) -> Iterator[Triple]:
    """All triples, predicates taking turns, since nine in ten GQA relations are left or right (our choice)."""
    by_predicate: dict[str, list[Triple]] = {}
    for triple in graph.triples:
        by_predicate.setdefault(triple.predicate, []).append(triple)
    turns = sorted(by_predicate)
    rng.shuffle(turns)
    for predicate in turns:
        rng.shuffle(by_predicate[predicate])
    while turns:
        for predicate in turns:
            yield by_predicate[predicate].pop()
        turns = [predicate for predicate in turns if by_predicate[predicate]]


def unstatable(triple: Triple) -> str | None:
    """Why no sentence states this relation; None if one may."""
    if same_name(triple.subject.name, triple.object.name) and not (
        triple.subject.attributes and triple.object.attributes
    ):
        return "two objects of one name without attributes"
    return unfit(triple.predicate, triple.subject.name, triple.object.name)


def all_carry(graph: Graph, node: Node, value: str) -> bool:
    """Whether every object of the name has the attribute, so that the name is enough to state it."""
    return len(graph.named(node.name, (value,))) == graph.numbers[node.name]
