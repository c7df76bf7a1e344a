"""The truth of statements on scenes made by hand: true, false, and what pixels cannot decide."""

from dataclasses import replace
from pathlib import Path

import pytest

from nearmiss.engine.world import statements, truth
from nearmiss.engine.world.scene import Scene, SceneObject
from nearmiss.engine.world.statements import parse
from nearmiss.engine.world.truth import is_occluded, truth_value

CUBE = SceneObject("t0", "cube", "red", "small", "plain", 20, 30, 16)
BALL = SceneObject("t1", "ball", "blue", "large", "striped", 70, 60, 20)
SCENE = Scene("s", 96, "grass", 1.0, 0, (CUBE, BALL))
SECOND_CUBE = SceneObject("t2", "cube", "green", "small", "plain", 75, 18, 15)


def evaluate(sentence, scene=SCENE):
    statement = parse(sentence)
    assert statement is not None, sentence
    return truth_value(statement, scene)


@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [
        ("a red cube", True),
        ("a blue cube", False),
        ("a small thing", True),
        ("a striped large ball", True),
        ("a dotted large ball", False),
        ("a red cube and a blue ball", True),
        ("a blue cube and a red ball", False),
        ("a red cube and a red cube", False),
        ("a small red cube left of a large blue ball", True),
        ("a small red cube to the right of a large blue ball", False),
        ("a cube above a ball", True),
        ("a ball above a cube", False),
        ("a cube above a cube", False),
        ("a cube on the left-hand side", True),
        ("a cube on the right-hand side", False),
        ("a ball at the bottom", True),
        ("there are two things", True),
        ("there is one cube", True),
        ("there are two cubes", False),
        ("there is no ring", True),
        ("there is no ball that is above a cube", True),
        ("there is no cube that is above a ball", False),
        ("a cube on grass", True),
        ("a cube on sand", False),
    ],
)
def test_statements_about_a_decided_scene(sentence, verdict):
    assert evaluate(sentence) is verdict


def test_one_matching_pair_is_enough():
    scene = replace(SCENE, objects=(*SCENE.objects, SECOND_CUBE))
    assert evaluate("a cube to the left of a ball", scene) is True
    assert evaluate("a cube to the right of a ball", scene) is True
    assert evaluate("a red cube to the right of a ball", scene) is False
    assert evaluate("two cubes", scene) is True


def test_positions_within_the_margin_are_undefined():
    level = replace(SCENE, objects=(CUBE, replace(BALL, y=CUBE.y + 3.8)))
    assert evaluate("a cube above a ball", level) is None
    assert evaluate("a ball above a cube", level) is None
    assert evaluate("a blue cube above a ball", level) is False  # no blue cube, wherever it might be
    assert evaluate("a cube left of a ball", level) is True
    assert evaluate("a cube above a ball", replace(SCENE, objects=(CUBE, replace(BALL, y=CUBE.y + 3.9)))) is True
    middle = replace(SCENE, objects=(replace(CUBE, x=47),))
    assert evaluate("a cube on the left-hand side", middle) is None
    assert evaluate("no cube on the left-hand side", middle) is None
    assert evaluate("a cube at the top", middle) is True


def test_statements_about_occluded_objects_are_undefined():
    covered = replace(SCENE, objects=(CUBE, replace(BALL, x=24, y=32)))
    assert is_occluded(covered.objects[0], covered) and not is_occluded(covered.objects[1], covered)
    assert evaluate("a red cube", covered) is None
    assert evaluate("a ball", covered) is True
    assert evaluate("two things", covered) is None
    assert evaluate("four things", covered) is False


def test_truth_shares_no_code_with_the_check_of_negatives():
    for module in (truth, statements):
        assert "engine.text" not in Path(module.__file__).read_text()
