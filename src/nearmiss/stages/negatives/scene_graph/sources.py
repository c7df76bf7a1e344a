"""Where HNC's captions start from: the attributes and triples of a graph, in drawn order, and how they are said."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nearmiss.stages.negatives.scene_graph.graphs import Graph, Node, Triple
from nearmiss.stages.negatives.scene_graph.replacement import Selector
from nearmiss.stages.negatives.scene_graph.wording import Phrase, same_name, unfit


@dataclass(frozen=True)
class Pair:
    """A true sentence and its foil. `new`: what stands in the foil instead, as annotations name it; None: a number
    or another quantity."""

    type: str
    kind: str  # the template, by its name in words.json
    positive: str
    negative: str
    new: str | None


@dataclass(frozen=True)
class Refusal:
    """A source of which no pair could be made."""

    type: str
    positive: str | None
    reason: str


Outcome = Pair | Refusal
Builder = Callable[[Selector], Iterator[Outcome]]


def plain(graph: Graph, node: Node) -> Phrase | None:
    """The name, with the fewest attributes where the name alone does not tell the thing (our choice).

    HNC only records that such a sentence is ambiguous.
    """
    attributes = graph.identifying(node)
    return None if attributes is None else Phrase(node.name, attributes)


def described(graph: Graph, node: Node) -> Phrase | None:
    """The name with its first two attributes and those that tell the thing (HNC: one, drawn; two is our choice).

    With one, what tells things apart in a small vocabulary is often left out, and order is learned late.
    """
    needed = graph.identifying(node)
    if needed is None or not node.attributes:
        return None
    said = {*needed, *node.attributes[:2]}
    return Phrase(node.name, tuple(attribute for attribute in node.attributes if attribute in said))


def attributes(selector: Selector) -> list[tuple[Node, str]]:
    found = [(node, value) for node in selector.graph.nodes for value in node.attributes]
    selector.rng.shuffle(found)
    return found


def triples(selector: Selector) -> Iterator[Triple]:
    """All triples, the scene's predicates taking turns: nine in ten GQA relations are left or right (our choice)."""
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
    """A refusal of a sentence that would say how many there are of a name, or that there is no other."""
    return None if graph.counts(name) else Refusal(type_name, None, "not every object of this name is marked alone")


def all_carry(graph: Graph, node: Node, value: str) -> bool:
    return len(graph.named(node.name, (value,))) == graph.numbers[node.name]
