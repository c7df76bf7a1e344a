"""Plausibility counts: what occurs with what in the training graphs (HNC, the selector's `meta_info` tables).

HNC counted its tables over GQA's training and validation graphs together; ours come from the graphs that are given,
which are those of the training split, in one pass.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from nearmiss.stages.negatives.scene_graph.graphs import Graph
from nearmiss.stages.negatives.scene_graph.wording import comparable

K = TypeVar("K", str, int)
Counts = Counter[str]


@dataclass
class Statistics:
    """Counts over graphs. Names are HNC's tables in brackets.

    names (obj_counts), attributes of a name (obj_to_attr_counts) and its reverse, bearers; subjects of (predicate,
    object) (pred_obj_to_subj_counts), objects of (subject, predicate) (subj_pred_to_obj_counts), predicates of
    (subject, object) (subj_obj_to_pred_counts), numbers of a name: in how many images it occurs how many times
    (all_obj_counts). equal, unequal (ours): pairs of names that images have equally often, and not.
    """

    names: Counts = field(default_factory=Counter)
    attributes: dict[str, Counts] = field(default_factory=dict)
    bearers: dict[str, Counts] = field(default_factory=dict)
    subjects: dict[tuple[str, str], Counts] = field(default_factory=dict)
    objects: dict[tuple[str, str], Counts] = field(default_factory=dict)
    predicates: dict[tuple[str, str], Counts] = field(default_factory=dict)
    numbers: dict[str, Counter[int]] = field(default_factory=dict)
    equal: int = 0
    unequal: int = 0

    def add(self, graph: Graph) -> None:
        """Count one more graph."""
        for node in graph.nodes:
            self.names[node.name] += 1
            for attribute in node.attributes:
                self.attributes.setdefault(node.name, Counter())[attribute] += 1
                self.bearers.setdefault(attribute, Counter())[node.name] += 1
        for triple in graph.triples:
            subject, predicate, thing = triple.subject.name, triple.predicate, triple.object.name
            self.subjects.setdefault((predicate, thing), Counter())[subject] += 1
            self.objects.setdefault((subject, predicate), Counter())[thing] += 1
            self.predicates.setdefault((subject, thing), Counter())[predicate] += 1
        for name, number in graph.numbers.items():
            self.numbers.setdefault(name, Counter())[number] += 1
        for one, other in comparable(graph.numbers):
            if graph.numbers[one] == graph.numbers[other]:
                self.equal += 1
            else:
                self.unequal += 1


def count(graphs: Iterable[Graph]) -> Statistics:
    """Statistics of all graphs, in one pass."""
    statistics = Statistics()
    for graph in graphs:
        statistics.add(graph)
    return statistics


def draw(weights: Mapping[K, int], rng: Random) -> K | None:
    """One key, drawn in proportion to its count; None where there is none. Independent of the mapping's order."""
    total = sum(weights.values())
    if total == 0:
        return None
    place = rng.randrange(total)
    for key in sorted(weights):
        place -= weights[key]
        if place < 0:
            return key
    raise AssertionError("unreachable: counts are positive")
