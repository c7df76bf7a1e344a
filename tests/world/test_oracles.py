"""Oracles that lack one faculty are at chance exactly where the table states it, and a leak is detected."""

import pytest

from nearmiss.engine.world.oracles import EXPECTED, ORACLES, decisions, table
from nearmiss.engine.world.scene import Scene, SceneObject
from nearmiss.engine.world.scenes import scene_of
from nearmiss.engine.world.separability import separability
from nearmiss.engine.world.wording import captions


@pytest.fixture(scope="module")
def rows(world_files):
    return table(world_files.items, world_files.scenes)


def test_oracles_score_as_tabulated(rows):
    assert [row for row in rows if not row["holds"]] == []
    assert {(row["oracle"], row["concept"], row["operator"]) for row in rows} == set(EXPECTED)
    assert min(row["decisions"] for row in rows) >= 30


def test_every_faculty_is_needed_by_a_subset():
    for oracle in ORACLES:
        verdicts = {cell: verdict for cell, verdict in EXPECTED.items() if cell[0] == oracle}
        assert set(verdicts.values()) == {"chance", "solved"}


def test_a_leak_is_detected(world_files):
    """A relation item whose foil names a color that is not there can be solved by its words: the table objects."""
    leaky = []
    for item in world_files.items:
        if item["concept"] == "relation" and item["subset"] == "1x2" and item["condition"] == "iid":
            colors = {obj.color for obj in world_files.scenes[item["images"][0]].objects}
            absent = next(color for color in ("red", "blue", "cyan") if color not in colors)
            foil = " ".join(absent if word in colors else word for word in item["captions"][1].split())
            leaky.append({**item, "captions": [item["captions"][0], foil]})
    found = {row["oracle"]: row["holds"] for row in table(leaky, world_files.scenes)}
    assert not found["bag_of_words"] and not found["things_without_places"]
    assert found["counts_only"]


def test_single_decisions_count_ties_half():
    assert decisions([[1.0, 0.0]], [[True, False]]) == [1.0]
    assert decisions([[0.0, 0.0]], [[True, False]]) == [0.5]
    assert decisions([[0.0, 1.0, 2.0]], [[True, False, True]]) == [0.0, 1.0]
    assert sorted(decisions([[2.0, 1.0], [2.0, 1.0]], [[True, False], [False, True]])) == [0.0, 0.5, 0.5, 1.0]


def test_shares_of_captions_whose_words_fit_another_image(world_config):
    def scene(name, *things):
        parts = tuple(
            SceneObject(f"{name}{i}", *obj, "plain", 20 + 50 * i, 20 + 50 * i, 16) for i, obj in enumerate(things)
        )
        return Scene(name, 96, "grass", 1.0, 0, parts)

    red, blue, green = ("cube", "red", "small"), ("ball", "blue", "large"), ("star", "green", "large")
    sentences = [("a small red cube above a large blue ball", "relation.bare")]
    single_scenes = {"a": scene("a", red, blue), "b": scene("b", red, green)}
    texts = {"a": sentences, "b": [("a small red cube above a large green star", "relation.bare")]}
    assert separability(single_scenes, texts, seed=0, size=2, batches=3)["captions"] == 0
    twins = {"a": scene("a", red, blue), "b": scene("b", blue, red)}
    found = separability(twins, {"a": sentences, "b": sentences}, seed=0, size=2, batches=3)
    assert found["captions"] == found["batches"] == found["kinds"]["relation"]["captions"] == 1


def test_relations_are_identified_by_their_words_in_the_default_world(world_config):
    scenes = {s.scene_id: s for s in (scene_of(world_config, "train", i) for i in range(200))}
    texts = {name: captions(scene, "narrow", world_config) for name, scene in scenes.items()}
    found = separability(scenes, texts, seed=0, size=64, batches=30)
    assert found["kinds"]["relation"]["captions"] < 0.1 < found["kinds"]["location"]["captions"]
