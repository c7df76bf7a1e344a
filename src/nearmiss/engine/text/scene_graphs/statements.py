"""True sentences about an image, from its scene graph: captions for images that have no others.

They have HNC's templates (Dönmez et al., CoNLL 2023). Which of them are written is our choice: relations, two objects
with an attribute each, and single attributes. Numbers and existence are left out, because they are true of many images.
"""

from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from random import Random

from nearmiss.base.seeding import rng
from nearmiss.engine.text.scene_graphs.graphs import Graph
from nearmiss.engine.text.scene_graphs.sources import (
    all_carry,
    attributes,
    descriptive_phrase,
    identifying_phrase,
    triples,
    unstatable,
)
from nearmiss.engine.text.scene_graphs.wording import (
    Phrase,
    attribute_sentence,
    both_attributes,
    relation_sentence,
    same_name,
)

Statement = tuple[str, str]  # its template, by the name in words.json, and the sentence


def statements(graph: Graph, seed: int) -> Iterator[Statement]:
    """All different statements of a graph; the three kinds take turns, each in a random order of its sources.

    Depends on the graph and the seed only.
    """
    random = rng(seed, "statements", graph.image_id)
    kinds = deque([_relations(graph, random), _pairs_of_attributes(graph, random), _attributes(graph, random)])
    seen: set[str] = set()
    while kinds:
        kind = kinds.popleft()
        found = next((each for each in kind if each[1] not in seen), None)
        if found is not None:
            seen.add(found[1])
            kinds.append(kind)
            yield found


def _relations(graph: Graph, random: Random) -> Iterator[Statement]:
    """The red cube is above the blue ball. Objects without attributes have their name only."""
    for triple in triples(graph, random):
        if unstatable(triple) is None:
            subject, obj = (
                descriptive_phrase(graph, node) or identifying_phrase(graph, node)
                for node in (triple.subject, triple.object)
            )
            if subject is not None and obj is not None:
                yield "relation", relation_sentence(subject, triple.predicate, obj)


def _pairs_of_attributes(graph: Graph, random: Random) -> Iterator[Statement]:
    """There is both a red cube and a blue ball. Both names cannot be of one object."""
    for (node, value), (other, other_value) in pairwise(attributes(graph, random)):
        if not same_name(node.name, other.name):
            phrases = Phrase(node.name, (value,)), Phrase(other.name, (other_value,))
            yield "both_attributes", both_attributes(*phrases)


def _attributes(graph: Graph, random: Random) -> Iterator[Statement]:
    """The cube is red."""
    for node, value in attributes(graph, random):
        if all_carry(graph, node, value):
            yield "attribute", attribute_sentence(node.name, value)
