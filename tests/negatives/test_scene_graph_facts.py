"""No pair of any of the 16 types and no caption contradicts its graph, as an independent checker reads it."""

import copy
from collections import Counter
from dataclasses import replace
from typing import get_args

import polars as pl
import pytest
from graph_checker import GraphChecker
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_graphs import REAL, Raw, as_corpus, as_graphs, raw_graphs, real

from nearmiss.engine.text.scene_graphs.statements import statements
from nearmiss.engine.training.corpus import OWN_ONLY
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.scene_graph.method import BUILDERS, METHOD, pairs
from nearmiss.stages.negatives.scene_graph.pairs import Pair
from nearmiss.stages.negatives.scene_graph.replacement import count
from nearmiss.stages.negatives.spec import GraphType, SceneGraphConfig

ALL = SceneGraphConfig(types=sorted(BUILDERS), per_image=100_000)
OF_QUANTITY_OR_LOGIC = {name for name in BUILDERS if name.startswith(("obj_", "and_", "xor_"))}
realdata = pytest.mark.realdata
needs_sample = pytest.mark.skipif(not REAL.exists(), reason="the real data folder is absent")


def made(raw: Raw, seed: int = 0) -> list[tuple[str, Pair]]:
    found = as_graphs(raw)
    statistics = count(found)
    return [
        (graph.image_id, pair)
        for graph in found
        for pair in pairs(graph, statistics, ALL, seed)
        if isinstance(pair, Pair)
    ]


def few(found: list[tuple[str, Pair]]) -> list[tuple[str, Pair]]:
    """Ten pairs of each type."""
    seen: Counter[str] = Counter()
    return [each for each in found if (seen.update([each[1].type]) or seen[each[1].type]) <= 10]


def faults(raw: Raw, found: list[tuple[str, Pair]]) -> list[str]:
    checker = GraphChecker(raw)
    return [
        f"{pair.type}: {fault}"
        for image_id, pair in found
        for fault in checker.faults(image_id, pair.positive, pair.negative)
    ]


def untrue_statements(raw: Raw, seed: int = 0) -> list[str]:
    """Captions from scene graphs that the checker does not confirm."""
    checker = GraphChecker(raw)
    return [
        text
        for graph in as_graphs(raw)
        for _, text in statements(graph, seed)
        if not any(checker.readings(raw[graph.image_id], text, apart=True))
    ]


def test_every_type_of_the_configuration_has_a_builder():
    assert set(BUILDERS) == set(get_args(GraphType))
    assert len(BUILDERS) == 17, "the paper's 16 names, and `object`, which its counter books as attribute"


@realdata
@needs_sample
def test_no_pair_contradicts_its_real_graph():
    found = made(real())
    assert {pair.type for _, pair in found} == set(BUILDERS)
    assert faults(real(), found) == []
    assert untrue_statements(real()) == []


@settings(max_examples=40)
@given(raw_graphs(), st.integers(0, 3))
def test_no_pair_contradicts_any_graph(raw, seed):
    assert faults(raw, made(raw, seed)) == []
    assert untrue_statements(raw, seed) == []


@realdata
@needs_sample
def test_a_changed_fact_is_detected_in_every_type():
    """Removes the facts of an image, one kind at a time, so that statements about it become false."""
    found = few(made(real()))
    caught: Counter[str] = Counter()
    for plant in (_without_attributes, _without_relations, _with_one_more_of_each):
        raw = copy.deepcopy(real())
        for graph in raw.values():
            plant(graph["objects"])
        checker = GraphChecker(real())
        checker.graphs = raw
        for image_id, pair in found:
            caught[pair.type] += bool(checker.faults(image_id, pair.positive, pair.negative))
    missed = {name for name in BUILDERS if not caught[name]}
    assert not missed


@realdata
@needs_sample
def test_a_true_negative_is_detected_in_every_type():
    checker = GraphChecker(real())
    for image_id, pair in few(made(real())):
        assert checker.faults(image_id, pair.positive, pair.positive) == [f"negative true: {pair.positive}"]
        assert f"positive false: {pair.negative}" in checker.faults(image_id, pair.negative, pair.negative)


@realdata
@needs_sample
def test_statements_true_of_other_images_are_own_negatives_only():
    taken = check_candidates(as_corpus(real()), METHOD, ALL, "scene_graph")
    concepts = Counter((row["type"], row["concept"]) for row in taken.negatives if row["type"] in OF_QUANTITY_OR_LOGIC)
    assert {name for name, _ in concepts} == OF_QUANTITY_OR_LOGIC
    assert {concept for _, concept in concepts} <= set(OWN_ONLY), concepts


def with_further_objects(raw: Raw, copies: int) -> Raw:
    """Graphs as they would be if annotators had marked more: `copies` more objects of every name of the file.

    Copies of an annotated object are like it. An object of a name that the graph lacks has every attribute, and every
    relation to and from every annotated object.
    """
    checker = GraphChecker(raw)
    further = copy.deepcopy(raw)
    for graph in further.values():
        objects, lacking = graph["objects"], checker.names - {each["name"] for each in graph["objects"].values()}
        known = list(objects)
        for object_id, number in [(each, number) for each in known for number in range(copies)]:
            objects[f"{object_id}+{number}"] = copy.deepcopy(objects[object_id])
        for name, number in [(name, number) for name in sorted(lacking) for number in range(copies)]:
            relations = [{"name": each, "object": other} for each in checker.predicates for other in known]
            objects[f"{name}+{number}"] = {
                "name": name,
                "attributes": sorted(checker.attributes),
                "relations": relations,
            }
            for other in known:
                objects[other]["relations"] += [
                    {"name": each, "object": f"{name}+{number}"} for each in checker.predicates
                ]
    return further


def by_absence(raw: Raw, rows: list[dict]) -> list[str]:
    """Verified negatives that would be true if annotators had marked more objects."""
    found = []
    for copies in (1, 2, 3):
        checker = GraphChecker(raw)
        checker.graphs = with_further_objects(raw, copies)
        for row in rows:
            if row["verdict"] == "verified":
                values = checker.readings(checker.graphs[row["image_id"]], row["negative"])
                found += [row["negative"]] * any(values)
    return found


@realdata
@needs_sample
def test_absence_does_not_verify_negatives_of_graphs():
    corpus = as_corpus(real())
    of_graphs = replace(corpus, images=corpus.images.with_columns(exhaustive=pl.lit(False)))
    taken = check_candidates(of_graphs, METHOD, ALL, "scene_graph")
    assert by_absence(real(), taken.negatives) == []
    assert {row["verdict"] for row in taken.negatives} == {"verified", "plausible"}
    some = dict(list(real().items())[:4])
    exhaustive = check_candidates(as_corpus(some), METHOD, ALL, "scene_graph")
    assert by_absence(some, exhaustive.negatives), "the counter finds those of graphs that are taken as exhaustive"


@realdata
@needs_sample
def test_order_of_records_and_other_images_do_not_change_an_image():
    backwards = {
        image_id: {**graph, "objects": dict(reversed(graph["objects"].items()))}
        for image_id, graph in reversed(real().items())
    }
    assert made(real()) == made(backwards)


def _without_attributes(objects: Raw) -> None:
    for thing in objects.values():
        thing["attributes"] = []


def _without_relations(objects: Raw) -> None:
    for thing in objects.values():
        thing["relations"] = []


def _with_one_more_of_each(objects: Raw) -> None:
    """One more of every second name, so that numbers change and compare otherwise."""
    names = sorted({thing["name"] for thing in objects.values()})
    for number, name in enumerate(names[::2]):
        for copy_number in range(3):
            objects[f"planted-{number}-{copy_number}"] = {"name": name, "attributes": [], "relations": []}
