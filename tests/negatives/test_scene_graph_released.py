"""Mode `released` has the published faults, at their published size or more; mode `default` has none of them."""

from collections import Counter

import pytest
from graph_checker import GraphChecker
from raw_graphs import REAL, as_corpus, as_graphs, real

from nearmiss.base.seeding import rng
from nearmiss.engine.text.inflection import is_plural
from nearmiss.stages.negatives.acceptance import CheckedRows, check_candidates
from nearmiss.stages.negatives.scene_graph import released_selection as defects
from nearmiss.stages.negatives.scene_graph.method import BUILDERS, METHOD
from nearmiss.stages.negatives.scene_graph.released_selection import ReleasedSelector
from nearmiss.stages.negatives.scene_graph.released_types import obj_comp_count
from nearmiss.stages.negatives.scene_graph.replacement import count
from nearmiss.stages.negatives.spec import SceneGraphConfig

pytestmark = [pytest.mark.realdata, pytest.mark.skipif(not REAL.exists(), reason="the real data folder is absent")]

TYPES = sorted(BUILDERS)


@pytest.fixture(scope="module")
def taken() -> dict[str, CheckedRows]:
    """What the stage takes of the sample in each mode."""
    return {
        mode: check_candidates(
            as_corpus(real()), METHOD, SceneGraphConfig(mode=mode, types=TYPES, per_image=100_000), "scene_graph"
        )
        for mode in ("default", "released")
    }


def identical(taken: CheckedRows) -> float:
    """Share of negatives that are, letter for letter, a positive of their image."""
    positives = {(row["image_id"], row["positive"]) for row in taken.negatives}
    return sum((row["image_id"], row["negative"]) in positives for row in taken.negatives) / len(taken.negatives)


def wrong_comparisons(taken: CheckedRows) -> float:
    """Share of sentences on two numbers whose label is wrong."""
    checker = GraphChecker(real())
    rows = [row for row in taken.negatives if row["type"] == "obj_comp_count"]
    found = [len(checker.faults(row["image_id"], row["positive"], row["negative"])) for row in rows]
    return sum(found) / (2 * len(rows))


def test_a_twentieth_of_the_published_negatives_are_positives_of_the_same_image(taken):
    assert identical(taken["released"]) >= 0.058
    assert identical(taken["default"]) == 0


def test_more_than_a_quarter_of_the_published_comparisons_are_wrong(taken):
    """29 % in the published sample; here over several draws, since one of them has 64 pairs."""
    assert wrong_comparisons(taken["default"]) == 0
    found = as_graphs(real())
    statistics, checker = count(found), GraphChecker(real())
    wrong = total = 0
    for seed in range(6):
        for graph in found:
            selector = ReleasedSelector(graph, statistics, rng(seed, graph.image_id))
            for pair in obj_comp_count(selector):
                total += 2
                wrong += len(checker.faults(graph.image_id, pair.positive, pair.negative))
    assert 0.24 < wrong / total < 0.34, wrong / total


def test_released_types_are_unchecked_and_complete(taken):
    rows = taken["released"].negatives
    assert {row["type"] for row in rows} == set(TYPES)
    assert {row["verdict"] for row in rows} == {"unchecked"} and {row["mode"] for row in rows} == {"released"}
    assert not taken["released"].rejected and not taken["released"].refused_positives
    assert "unchecked" not in {row["verdict"] for row in taken["default"].negatives}


def test_positives_and_negatives_are_equally_many_per_type(taken):
    ids = Counter(row["caption_id"] for row in taken["released"].negatives)
    assert set(ids.values()) == {1} and ids.keys() == taken["released"].positives.keys()


def test_only_configured_types_are_made():
    config = SceneGraphConfig(mode="released", types=["obj_comp_count"])
    rows = check_candidates(as_corpus(real()), METHOD, config, "scene_graph").negatives
    assert {row["type"] for row in rows} == {"obj_comp_count"}


def test_the_documented_defects_occur():
    wide, flat = (0.0, 0.0, 9.0, 9.0), (0.0, 0.0, 9.0, 1.0)
    assert defects.overlap_by_the_wrong_height(wide, flat) == pytest.approx(1.0)  # truly 0.2
    assert defects.overlap_by_the_wrong_height(flat, wide) == pytest.approx(20 / 180)
    assert defects.comparison("fewer", "cube", "ball") == "There are fewer balls than cubes."
    assert defects.false_count("tree", 6, 4) == "There are four tree."
    assert defects.false_count("tree", 1, 4) == "There are four trees."
    assert defects.article_by_letter("hour") == "a hour"
    assert defects.inverted_agreement("fork") == "are" and defects.inverted_agreement("dogs") == "is"
    assert defects.skipped("behind", "knee") and not defects.skipped("behind", "knees")
    assert not defects.seems_true("near", wide, wide), "most predicates are never doubted"


def test_default_mode_states_fewer_correctly(taken):
    for row in taken["default"].negatives:
        for text in (row["positive"], row["negative"]):
            if row["type"] == "obj_count":
                assert is_plural(text.removesuffix(".").split()[-1]) != text.startswith("There is one")
