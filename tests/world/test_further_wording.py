"""Wording by configuration: synonyms, hypernyms, logic, three objects, actions; none of it by default."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nearmiss.base.tables import read_table
from nearmiss.config import load
from nearmiss.engine.text.annotations import Annotations, Vocabulary, annotated
from nearmiss.engine.text.verdict import check
from nearmiss.engine.world.conditions import reservation
from nearmiss.engine.world.drawing import draw, mask
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.scenes import scene_of
from nearmiss.engine.world.spec import Wording, WorldConfig
from nearmiss.engine.world.statements import compare, parse
from nearmiss.engine.world.truth import truth_value
from nearmiss.engine.world.wording import all_templates, captions, words
from nearmiss.stages.negatives.stage import run
from nearmiss.stages.negatives.truth_table import measure, write_tables

EXPERIMENT = Path(__file__).parents[2] / "config" / "world-words.yaml"
RICH = load(EXPERIMENT).data.source
SCENES = 60


@pytest.fixture(scope="module")
def written():
    """(scene, text, template_id) of the captions of some hundred scenes."""
    scenes = [scene_of(RICH, "train", index) for index in range(250)]
    return [(s, text, name) for s in scenes for kind in ("broad", "narrow") for text, name in captions(s, kind, RICH)]


def test_further_captions_are_true_and_within_the_vocabulary(written):
    assert [text for scene, text, _ in written if truth_value(parse(text), scene) is not True] == []
    known = {*words(RICH)}
    assert {word for _, text, _ in written for word in text.split()} <= known


def test_captions_contain_every_configured_wording(written):
    evaluate = Counter(name for _, _, name in written)
    further = [template.template_id for template in all_templates() if template.part]
    assert all(evaluate[name] >= 20 for name in further)
    text = " ".join(text for _, text, _ in written)
    assert all(f" {word} " in text for word in ("sphere", "violet", "big", "little", "solid", "symbol"))
    assert max(len(scene.objects) for scene, _, _ in written) == 5


def test_the_default_world_has_no_further_wording():
    plain = WorldConfig()
    further = {"sphere", "violet", "big", "little", "solid", "both", "either", "or", "spinning", "glowing", "shaking"}
    assert further.isdisjoint(words(plain)) and further <= {*words(RICH)}
    assert all(obj.action is None for index in range(50) for obj in scene_of(plain, "train", index).objects)
    assert "action" not in str(scene_of(plain, "train", 0).as_record())


def test_further_captions_contain_no_held_out_combination(written):
    pairs = reservation(RICH).pairs
    assert pairs
    assert all(pairs.isdisjoint(parse(text).pairs()) for _, text, _ in written)


def test_synonyms_and_hypernyms_are_compared_by_meaning():
    assert parse("a big violet sphere") == parse("a large purple ball")
    scene = next(s for i in range(50) if (s := scene_of(RICH, "train", i)).objects[0].shape == "cube")
    obj = scene.objects[0]
    assert truth_value(parse(f"a {obj.color} solid"), scene) is True
    stars = any(t.shape in ("star", "cross") for t in scene.objects)
    assert truth_value(parse("there is a symbol"), scene) is stars
    assert compare(parse("a spinning red cube"), parse("a glowing red cube")) == ("attribute", "replace")


def test_an_action_changes_only_pixels_around_its_object():
    """Measured on the pixels: each action has its own marks, and the pixels of the object do not change."""
    scene = next(s for i in range(80) if len((s := scene_of(RICH, "train", i)).objects) == 1)
    single = replace(scene, objects=(replace(scene.objects[0], action=None, x=48.0, y=48.0),))
    still = np.asarray(draw(single)).astype(int)
    obj = mask(single, single.objects[0])
    y, x = np.mgrid[0:96, 0:96] + 0.5
    radius = np.hypot(x - 48, y - 48) / single.objects[0].radius
    marks = {}
    for action in ("spinning", "glowing", "shaking"):
        acting = Scene(**{**vars(single), "objects": (replace(single.objects[0], action=action),)})
        change = np.asarray(draw(acting)).astype(int) - still
        changed = np.abs(change).max(axis=-1) > 30
        assert changed.sum() > 40
        assert not changed[radius > 1.55].any()
        assert not changed[obj & (radius < 0.9)].any()
        marks[action] = change
    beside = (np.abs(y - 48) < 0.3 * single.objects[0].radius) & (radius > 1.08)
    over = (np.abs(x - 48) < 0.3 * single.objects[0].radius) & (radius > 1.08)
    assert marks["shaking"][beside].min() < -60 and np.abs(marks["shaking"][over]).max() < 30
    assert marks["glowing"][..., 2].max() < marks["glowing"][..., 0].max()  # warm: less blue than red
    assert marks["spinning"].max() > 60 or marks["spinning"].min() < -60


def test_annotated_actions_decide_captions():
    things = (annotated("1", "cube", ["red", "large", "spinning"], (10, 10, 30, 30)),)
    scene = Annotations(96, 96, things, frozenset(), Vocabulary(frozenset({"cube"}), frozenset({"cube", "solid"})))
    assert check("a glowing red cube", scene).kind == "verified"
    assert check("a red cube is spinning", scene).kind == "true"
    assert check("a red solid", scene).kind == "true"
    assert check("a blue solid", scene).kind == "verified"


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    methods = load(EXPERIMENT).negatives.methods
    out = tmp_path_factory.mktemp("words") / "table.json"
    return measure(world=RICH, methods=methods, scenes=SCENES, completeness=(1.0,), out=out)


def test_negatives_are_false_in_a_world_with_further_wording(counted):
    assert {row["method"] for row in counted} == {"random", "keyword", "replace", "swap", "scene_graph"}
    for row in counted:
        assert row["negatives"] > SCENES
        assert row["false_negatives"] == row["false_positives"] == row["unread"] == 0
        assert row["undefined"] <= 0.02 * row["negatives"]


def test_all_sixteen_types_occur_with_actions(tmp_path):
    methods = load(EXPERIMENT).negatives.methods
    given = write_tables(tmp_path / "world", RICH, SCENES)
    types = {}
    for name in ("scene_graph", "replace"):
        run(name=name, config=methods[name], seed=0, out=tmp_path / name, **given)
        types[name] = set(read_table(tmp_path / name / "negatives.parquet", "negatives")["type"])
    assert types["scene_graph"] == {*methods["scene_graph"].types}
    assert types["replace"] == {"relation", "attribute", "object", "action"}


def test_a_share_of_none_changes_nothing():
    plain, zero = WorldConfig(), WorldConfig(wording=Wording())
    scene = scene_of(plain, "train", 7)
    assert captions(scene, "narrow", plain) == captions(scene, "narrow", zero)
