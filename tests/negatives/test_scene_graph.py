"""HNC's pairs: the first sentence is true by the annotations, the second contradicted, and texts reveal no label."""

import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from nearmiss.engine.text.scene_graphs.graphs import Graph, Node, Triple, graphs
from nearmiss.stages.negatives.scene_graph.method import BUILDERS, pairs
from nearmiss.stages.negatives.scene_graph.pairs import Pair
from nearmiss.stages.negatives.scene_graph.replacement import Statistics, could_hold, count, draw
from nearmiss.stages.negatives.spec import SceneGraphConfig

REAL = Path(__file__).parents[3] / "shared" / "realdata" / "gqa_scene_graph_sample" / "train-sgs-sample.json"
COLORS, SHAPES = ("red", "green", "blue", "yellow"), ("cube", "ball", "cone", "star")
ALL = SceneGraphConfig(types=sorted(BUILDERS), per_image=40)
OPPOSITE = {"to the left of": "to the right of", "above": "below"}


def scene(image_id: str, *things: tuple[str, tuple[str, ...], float, float]) -> Graph:
    """A graph of objects (name, attributes, x, y of the center) of 20 pixels with all their geometric relations."""
    nodes = tuple(
        Node(f"{i}", name, its_attributes, (x - 10, y - 10, 20, 20))
        for i, (name, its_attributes, x, y) in enumerate(things)
    )
    centers = {node: (x, y) for node, (_, _, x, y) in zip(nodes, things, strict=True)}
    triples = []
    for one in nodes:
        for other in nodes:
            if one is other:
                continue
            for axis, predicate in enumerate(OPPOSITE):
                if centers[one][axis] < centers[other][axis] - 4:
                    triples.append(Triple(one, predicate, other))
                    triples.append(Triple(other, OPPOSITE[predicate], one))
    return Graph(image_id, nodes, tuple(triples))


def made(graph: Graph, statistics: Statistics, options: SceneGraphConfig = ALL, seed: int = 0) -> list[Pair]:
    return [found for found in pairs(graph, statistics, options, seed) if isinstance(found, Pair)]


def of_type(name: str, graph: Graph, *others: Graph, **fields) -> list[Pair]:
    return made(graph, count([graph, *others]), SceneGraphConfig(types=[name], per_image=40, **fields))


TWO = scene("two", ("cube", ("small", "red"), 20, 20), ("ball", ("large", "blue"), 70, 70))
CUBES = scene("cubes", ("cube", ("small", "red"), 20, 20), ("cube", ("large", "blue"), 70, 70))
MORE = scene("more", ("cone", ("small", "green"), 20, 70), ("star", ("large", "red"), 70, 20))
BALL = scene("ball", ("ball", ("small", "green"), 20, 70), ("cube", ("large", "yellow"), 70, 20))


def world(n: int) -> list[Graph]:
    """Random scenes of two objects, both axes decided."""
    from random import Random

    random = Random(3)
    return [
        scene(
            f"{i:04d}",
            *(
                (random.choice(SHAPES), (random.choice(("small", "large")), random.choice(COLORS)), x, y)
                for x, y in (
                    [(20, 20), (70, 70)]
                    if i % 4 == 0
                    else [(70, 20), (20, 70)]
                    if i % 4 == 1
                    else [(20, 70), (70, 20)]
                    if i % 4 == 2
                    else [(70, 70), (20, 20)]
                )
            ),
        )
        for i in range(n)
    ]


def test_an_attribute_is_replaced_by_one_of_its_own_kind():
    for pair in of_type("attribute", TWO, BALL):
        kinds = [{"red", "blue", "green", "yellow"}, {"small", "large"}]
        old, new = pair.positive[:-1].split()[-1], pair.negative[:-1].split()[-1]
        assert old != new and any({old, new} <= kind for kind in kinds)


def test_an_object_is_replaced_by_the_other_object():
    found = {(pair.positive, pair.negative) for pair in of_type("object", TWO, BALL, MORE)}
    assert ("The cube is small.", "The ball is small.") in found


def test_a_reversed_predicate_is_among_the_foils():
    found = {(pair.positive, pair.negative) for pair in of_type("relation_pred", TWO, reversed_share=1.0)}
    assert ("The cube is to the left of the ball.", "The cube is to the right of the ball.") in found
    assert ("The ball is below the cube.", "The ball is above the cube.") in found
    assert len(found) == 4


def test_a_single_object_is_replaced_by_an_absent_one():
    (pair,) = [p for p in of_type("relation_subj", TWO, scene("x", ("star", (), 20, 20), ("ball", (), 70, 20)))]
    assert (pair.positive, pair.negative) == (
        "The cube is to the left of the ball.",
        "The star is to the left of the ball.",
    )


def test_equal_objects_are_distinguished_by_an_attribute():
    found = of_type("relation_pred", CUBES)
    assert found
    for pair in found:
        assert all(word in pair.positive for word in ("small", "large")) or "red" in pair.positive
        assert pair.positive.count("cube") == 2


def test_numbers_agree_with_their_nouns():
    found = {(pair.positive, pair.negative) for pair in of_type("obj_count", CUBES, TWO)}
    assert found == {("There are two cubes.", "There is one cube.")}


def test_plural_names_use_plural_verbs():
    dogs = scene("dogs", ("dogs", ("brown",), 20, 20), ("bench", (), 70, 20))
    assert "The dogs are to the left of the bench." in {p.positive for p in of_type("relation_pred", dogs)}


def test_foils_are_never_annotated():
    triangle = scene("t", ("cube", ("red",), 10, 10), ("ball", ("blue",), 40, 40), ("cone", ("red",), 80, 80))
    stated = {f"The {t.subject.name} is {t.predicate} the {t.object.name}." for t in triangle.triples}
    stated |= {f"The {node.name} is {value}." for node in triangle.nodes for value in node.attributes}
    found = made(triangle, count([triangle, *world(40)]))
    assert found and not stated & {pair.negative for pair in found}


def test_counts_are_balanced_in_positives_and_negatives():
    scenes = world(600)
    statistics = count(scenes)
    counts = SceneGraphConfig(types=["obj_count"], per_image=4)
    found = [pair for graph in scenes for pair in made(graph, statistics, counts)]
    one = sum("is one" in pair.positive for pair in found)
    assert len(found) > 50 and 0.35 < one / len(found) < 0.65


def test_words_of_relations_are_balanced_in_positives_and_negatives():
    scenes = world(400)
    statistics = count(scenes)
    options = SceneGraphConfig(types=["relation_subj", "relation_obj", "relation_pred"], per_image=6)
    found = [pair for graph in scenes for pair in made(graph, statistics, options)]
    for texts in ([p.positive for p in found], [p.negative for p in found]):
        uses = Counter(next(p for p in (*OPPOSITE, *OPPOSITE.values()) if p in text) for text in texts)
        assert all(0.21 < n / len(texts) < 0.29 for n in uses.values()), uses


def test_types_occur_equally_often():
    options = SceneGraphConfig(per_image=12)
    uses = Counter(pair.type for graph in world(200) for pair in made(graph, count(world(200)[:50]), options))
    balanced = [uses[name] for name in options.types if name != "obj_count"]
    assert max(balanced) - min(balanced) < 0.2 * max(balanced)


def test_refused_sources_have_reasons():
    refused = [found for found in pairs(scene("x", ("hair", ("red",), 5, 5)), Statistics(), ALL, 0)]
    assert refused and all(found.reason for found in refused)


def test_draws_depend_only_on_seed_and_image():
    scenes = world(30)
    statistics = count(scenes)
    assert [made(g, statistics) for g in scenes] == [made(g, statistics) for g in scenes[::-1]][::-1]
    assert [made(g, statistics) for g in scenes] != [made(g, statistics, seed=1) for g in scenes]


def test_the_order_of_weights_does_not_matter():
    from random import Random

    weights = {"a": 1, "b": 2, "c": 3}
    forth = [draw(weights, Random(i)) for i in range(50)]
    assert forth == [draw(dict(reversed(weights.items())), Random(i)) for i in range(50)]
    assert draw({}, Random(0)) is None


def test_the_box_test_rejects_ambiguous_boxes():
    left, right, far = (0, 0, 10, 10), (8, 0, 10, 10), (500, 0, 10, 10)
    assert could_hold("to the left of", left, right) and not could_hold("to the right of", left, right)
    assert could_hold("near", left, right) and not could_hold("near", left, far)
    assert could_hold("in", left, right) and not could_hold("in", left, far)
    assert not could_hold("wearing", left, right)


def test_tables_in_any_order_give_the_same_graphs():
    objects = pl.DataFrame(
        [
            {"object_id": o, "image_id": i, "name": n, "x": 0.0, "y": 0.0, "w": 1.0, "h": 1.0, "attributes": ["a", "a"]}
            for o, i, n in (("2", "b", "cat"), ("1", "b", "dog"), ("3", "a", "cow"))
        ]
    )
    relations = pl.DataFrame(
        [
            {"image_id": "b", "subject_id": s, "predicate": p, "object_id": o}
            for s, p, o in (("2", "on", "1"), ("1", "under", "2"), ("1", "on", "1"))
        ]
    )
    found = graphs(objects, relations)
    assert found == graphs(objects.reverse(), relations.reverse())
    assert [graph.image_id for graph in found] == ["a", "b"]
    assert [(t.subject.name, t.predicate, t.object.name) for t in found[1].triples] == [
        ("dog", "under", "cat"),
        ("cat", "on", "dog"),
    ]
    assert found[0].nodes[0].attributes == ("a",)


@pytest.mark.realdata
@pytest.mark.skipif(not REAL.exists(), reason="the real data folder is absent")
def test_real_graphs_give_pairs_of_every_default_type():
    objects, relations = [], []
    for image_id, graph in json.loads(REAL.read_text()).items():
        for object_id, record in graph["objects"].items():
            box = {key: float(record[key]) for key in "xywh"}
            kept = {"name": record["name"], "attributes": record["attributes"], **box}
            objects.append({"object_id": object_id, "image_id": image_id, **kept})
            relations += [
                {"image_id": image_id, "subject_id": object_id, "predicate": r["name"], "object_id": r["object"]}
                for r in record["relations"]
            ]
    real = graphs(pl.DataFrame(objects), pl.DataFrame(relations))
    statistics = count(real)
    options = SceneGraphConfig(per_image=12)
    found = [pair for graph in real for pair in made(graph, statistics, options)]
    assert {pair.type for pair in found} == set(options.types)
    assert len(found) > 100
    positives = {(graph.image_id, p.positive) for graph in real for p in made(graph, statistics, SceneGraphConfig())}
    negatives = {(graph.image_id, p.negative) for graph in real for p in made(graph, statistics, SceneGraphConfig())}
    assert not positives & negatives, "a foil that is a true sentence of its image (HNC published 5.8 % of these)"
