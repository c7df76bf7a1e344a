"""The rules of HNC's release in mode `released`, each in a scene that is made for it."""

import pytest
from raw_graphs import as_graphs, tables

from nearmiss.base.seeding import rng
from nearmiss.engine.text.scene_graphs.graphs import Graph, Node, Triple, listed_graphs
from nearmiss.stages.negatives.scene_graph.released import Pair, and_logic_rel, xor_logic_attr, xor_logic_rel
from nearmiss.stages.negatives.scene_graph.released_selection import ReleasedSelector, article_by_letter
from nearmiss.stages.negatives.scene_graph.released_types import (
    attribute_subg,
    obj_comp_count,
    obj_verify_count,
    obj_verify_count_attr,
)
from nearmiss.stages.negatives.scene_graph.replacement import count

_DRAWS = 40


def node(name: str, x: float = 0, *attributes: str) -> Node:
    return Node(f"{name}-{x}", name, attributes, (x, 0.0, 10.0, 10.0))


def scene(*triples: tuple[Node, str, Node], others: tuple[Node, ...] = ()) -> Graph:
    nodes = {each.object_id: each for one, _, other in triples for each in (one, other)}
    nodes |= {each.object_id: each for each in others}
    return Graph("1", tuple(nodes.values()), tuple(Triple(*each) for each in triples))


def draws(builder, graph: Graph, *counted: Graph) -> list[list[Pair]]:
    """The pairs of a graph in several draws; the statistics are those of the graph and of `counted`."""
    statistics = count([graph, *counted])
    return [list(builder(ReleasedSelector(graph, statistics, rng(seed)))) for seed in range(_DRAWS)]


def negatives(found: list[list[Pair]]) -> set[str]:
    return {pair.negative for pairs in found for pair in pairs}


def test_one_object_of_a_name_decides_whether_the_name_is_a_candidate():
    """Of two balls, the cube is to the left of one. The release tests one of them, whichever comes last in a set."""
    cube, cone = node("cube", 50), node("cone", 80)
    graph = scene((cube, "to the left of", cone), others=(node("ball", 0), node("ball", 90)))
    statistics = count([graph, scene((cube, "to the left of", node("ball", 90)))])
    triple = graph.triples[0]
    drawn = [ReleasedSelector(graph, statistics, rng(seed)).entity(triple, cone) for seed in range(_DRAWS)]
    assert {each.object_id for each in drawn if each is not None} == {"ball-0"}
    assert 0.2 < drawn.count(None) / _DRAWS < 0.8


@pytest.mark.parametrize(("name", "pairs"), [("tree", 0), ("star", 1)])
def test_either_object_states_no_location_relative_to_the_background(name, pairs):
    cube, third = node("cube"), node(name, 90)
    graph = scene((cube, "near", node("ball", 30)), (cube, "near", node("cone", 60)), others=(third,))
    for found in draws(xor_logic_rel, graph, scene((cube, "near", third))):
        assert len(found) == pairs
        assert all("near either the ball or the cone" in pair.negative for pair in found), "two keep their order"


@pytest.mark.parametrize(("name", "possible"), [("tree", False), ("star", True)])
def test_the_changed_relation_of_two_states_no_location_relative_to_the_background(name, possible):
    cube, ball, dog, cat = node("cube"), node("ball", 30), node("dog", 60), node("cat", 90)
    other = node(name, 120)
    graph = scene((cube, "near", ball), (dog, "on", cat), others=(other,))
    found = negatives(draws(and_logic_rel, graph, scene((other, "near", ball), (cube, "near", other))))
    assert bool(found) == possible
    assert all(name in negative for negative in found)


def test_a_negative_keeps_the_form_of_two_relations_to_one_object():
    """Its predicate is that of the second relation: if the first is changed, the negative is its positive."""
    cube, dog, cat = node("cube"), node("dog", 30), node("cat", 60)
    graph = scene((cube, "on", cat), (dog, "on", cat), (node("star", 90), "beside", node("cone", 120)))
    counted = scene((cube, "beside", cat), (dog, "beside", cat))
    pairs = [pair for found in draws(and_logic_rel, graph, counted) for pair in found if pair.new == "beside"]
    positive = "There are both a cube and a dog on the cat."
    assert {pair.negative for pair in pairs if pair.positive == positive} == {
        positive,
        "There are both a cube and a dog beside the cat.",
    }


def test_existence_is_skipped_by_the_predicate_of_its_sentences():
    """That something is near a tree is stated neither as true nor as false; that it is on the tree is."""
    dog, bird, tree = node("dog"), node("bird", 30), node("tree", 60)
    graph = scene((dog, "near", tree), (bird, "on", tree))
    counted = scene((dog, "on", tree), (bird, "near", tree))
    assert {pair.positive for pairs in draws(obj_verify_count, graph, counted) for pair in pairs} == {
        "There is no dog that is on the tree.",
        "There is at least one bird that is on the tree.",
    }


def test_only_whole_names_are_mass_nouns():
    glass, wine_glass = node("glass", 0, "empty"), node("wine glass", 30, "empty")
    graph = scene(others=(glass, wine_glass))
    found = negatives(draws(obj_verify_count_attr, graph, scene(others=(node("wine glass", 0, "full"),))))
    assert found and all("wine glass" in negative for negative in found)
    assert article_by_letter("wine glass", "empty") == "an empty wine glass"


def test_one_of_many_names_that_occur_once_is_compared():
    """Two of the twelve are drawn before their number is checked."""
    nodes = [node(f"n{letter}x", at) for at, letter in enumerate("abcdefghijkl")]
    graph = scene(others=(*nodes, node("ball", 0), node("ball", 20)))
    assert all(len(found) == 3 for found in draws(obj_comp_count, graph))


def test_a_shared_attribute_leaves_no_pair_of_either_attribute():
    graph = scene(others=(node("cube", 0, "red", "large"), node("ball", 30, "large", "blue")))
    found = draws(xor_logic_attr, graph, scene(others=(node("cube", 0, "green"), node("ball", 0, "green"))))
    assert negatives(found) == {"There is either a red cube or a blue ball."}
    assert 0.5 < sum(not pairs for pairs in found) / _DRAWS < 0.95


def test_a_bearer_is_drawn_again_if_its_location_is_relative_to_the_background():
    """The cube has no other attribute; the sky is drawn only if it is drawn eleven times."""
    cube, ball = node("cube", 0, "blue"), node("ball", 30, "red")
    graph = scene((cube, "near", ball), others=(node("sky", 60), node("star", 90)))
    counted = scene(others=(node("sky", 0, "blue"), node("star", 0, "blue")))
    assert negatives(draws(attribute_subg, graph, counted)) == {"The blue star is near the ball."}


def raw() -> dict:
    """A scene whose objects and relations are not in the order of their ids."""
    box = {"x": 0, "y": 0, "w": 10, "h": 10, "attributes": []}
    related = [{"name": "on", "object": "1"}, {"name": "near", "object": "3"}, {"name": "on", "object": "9"}]
    objects = {
        "9": {"name": "cube", **box, "relations": related},
        "3": {"name": "ball", **box, "relations": []},
        "1": {"name": "cone", **box, "relations": [{"name": "on", "object": "9"}]},
    }
    return {"image": {"width": 10, "height": 10, "objects": objects}}


def test_the_order_is_that_of_the_file_and_every_relation_is_kept():
    [graph] = listed_graphs(*tables(raw()))
    assert [each.name for each in graph.nodes] == ["cube", "ball", "cone"]
    assert [(each.subject.name, each.predicate, each.object.name) for each in graph.triples] == [
        ("cube", "on", "cone"),
        ("cube", "near", "ball"),
        ("cube", "on", "cube"),
        ("cone", "on", "cube"),
    ]


def test_the_order_does_not_depend_on_that_of_the_rows_and_the_default_ignores_it():
    shuffled = [frame.sample(fraction=1, shuffle=True, seed=3) for frame in tables(raw())]
    assert listed_graphs(*shuffled) == listed_graphs(*tables(raw()))
    assert [each.name for each in as_graphs(raw())[0].nodes] == ["cone", "ball", "cube"]
    assert len(as_graphs(raw())[0].triples) == 3


def test_tables_without_an_order_are_read_in_the_order_of_ids():
    bare = [frame.drop("position") for frame in tables(raw())]
    [graph] = listed_graphs(*bare)
    assert [each.name for each in graph.nodes] == ["cone", "ball", "cube"]
    assert len(graph.triples) == 4
