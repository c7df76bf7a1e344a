"""Sources of HNC's captions: the attributes and triples of a graph in a random order, and their phrases."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nearmiss.stages.negatives.scene_graph.graphs import Graph, Node, Triple
from nearmiss.stages.negatives.scene_graph.replacement import Selector
from nearmiss.stages.negatives.scene_graph.wording import Phrase, same_name, unfit


@dataclass(frozen=True)
class Pair:
    """A true sentence and its negative. `new`: the new word as the annotations name it; None for quantities."""

    type: str
    kind: str  # the template, by its name in words.json
    positive: str
    negative: str
    new: str | None


@dataclass(frozen=True)
class Refusal:
    """A source without a pair, and the reason."""

    type: str
    positive: str | None
    reason: str


Outcome = Pair | Refusal
Builder = Callable[[Selector], Iterator[Outcome]]


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


def attributes(selector: Selector) -> list[tuple[Node, str]]:
    found = [(node, value) for node in selector.graph.nodes for value in node.attributes]
    selector.rng.shuffle(found)
    return found


def triples(selector: Selector) -> Iterator[Triple]:
    """All triples, predicates taking turns, since nine in ten GQA relations are left or right (our choice)."""
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


def refuse(type_name: str, triple: Triple) -> Refusal | None:
    if same_name(triple.subject.name, triple.object.name) and not (
        triple.subject.attributes and triple.object.attributes
    ):
        return Refusal(type_name, None, "two things of one name and no attributes")
    reason = unfit(triple.predicate, triple.subject.name, triple.object.name)
    return Refusal(type_name, None, reason) if reason else None


def uncounted(type_name: str, graph: Graph, name: str) -> Refusal | None:
    """A refusal of a sentence about the number of objects of a name if that number is unknown."""
    return None if graph.is_counted(name) else Refusal(type_name, None, "not every object of this name is marked alone")


def all_carry(graph: Graph, node: Node, value: str) -> bool:
    return len(graph.named(node.name, (value,))) == graph.numbers[node.name]
