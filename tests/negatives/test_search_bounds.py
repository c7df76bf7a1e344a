"""Annotations and captions of any size are worked on in a bounded number of steps, with the results of small ones."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from nearmiss.engine.text.scene_graphs.graphs import Graph, Node

attributes = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6).map(tuple)


def graph(carried) -> Graph:
    nodes = tuple(Node(str(at), "cube", tuple(each), (0, 0, 1, 1)) for at, each in enumerate(carried))
    return Graph("1", nodes, ())


def fewest(of: Graph, node: Node):
    """All sets of attributes, smaller ones first."""
    for size in range(len(node.attributes) + 1):
        for chosen in combinations(node.attributes, size):
            if of.named(node.name, chosen) == [node]:
                return chosen
    return None


@settings(max_examples=100)
@given(st.lists(attributes, min_size=1, max_size=6))
def test_objects_are_distinguished_by_the_fewest_attributes(carried):
    of = graph(carried)
    assert [of.identifying_attributes(node) for node in of.nodes] == [fewest(of, node) for node in of.nodes]


def test_objects_with_many_attributes_are_distinguished():
    """A cube that carries forty attributes, among cubes that each lack two of them."""
    names = [f"n{at}" for at in range(40)]
    carried = [names, *([each for each in names if each not in names[at : at + 2]] for at in range(0, 40, 2))]
    of = graph(carried)
    assert of.identifying_attributes(of.nodes[0]) == tuple(names[::2])
    assert of.identifying_attributes(of.nodes[1]) is None


def test_a_search_beyond_its_bound_gives_none():
    """Every two of thirty attributes are missing together in some object: no small set identifies the object."""
    names = [f"n{at}" for at in range(30)]
    pairs = [pair for at, pair in enumerate(combinations(names, 2)) if at % 3]
    of = graph([names, *([each for each in names if each not in pair] for pair in pairs)])
    found = of.identifying_attributes(of.nodes[0])
    assert found is None or of.named("cube", found) == [of.nodes[0]]
