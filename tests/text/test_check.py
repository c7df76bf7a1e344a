"""The check lets nothing through that is true of an image; what annotations leave open stays open."""

import ast
from pathlib import Path

import pytest

import nearmiss.engine.text
from nearmiss.engine.text.annotations import Annotated, Annotations, Vocabulary, annotated
from nearmiss.engine.text.verdict import check

NAMES = frozenset(["cube", "ball", "cone", "man", "dog", "bench", "palm tree"])
NOUNS = NAMES | {"person"}


def image(*objects: Annotated, relations: frozenset = frozenset()) -> Annotations:
    return Annotations(100, 100, objects, relations, Vocabulary(NAMES, frozenset(NOUNS)))


CUBE = annotated("1", "cube", ["small", "red"], (10, 10, 20, 20))
BALL = annotated("2", "ball", ["large", "blue"], (70, 12, 20, 20))


@pytest.mark.parametrize(
    ("negative", "kind"),
    [
        ("a red cube", "true"),
        ("a blue cube", "verified"),
        ("a blue cube and a red ball", "verified"),
        ("a red thing", "true"),
        ("a red cone", "verified"),
        ("a red sky", "plausible"),
        ("a striped cube", "plausible"),
        ("a wonderful cube", "plausible"),
        ("a red cube to the left of a ball", "true"),
        ("a red cube to the right of a ball", "verified"),
        ("a ball to the left of a cube", "verified"),
        ("a cube above a ball", "undefined"),
        ("a cube on the left", "true"),
        ("a cube on the right", "verified"),
        ("a cube at the bottom", "verified"),
        ("two cubes", "verified"),
        ("one cube", "true"),
        ("there are two things", "true"),
        ("there are no cubes", "verified"),
        ("there are no cones", "true"),
        ("no cube is to the left of a ball", "verified"),
        ("no cube is to the right of a ball", "true"),
        ("a cube and a cube", "verified"),
        ("is is is", "plausible"),
    ],
)
def test_verdicts(negative, kind):
    assert check(negative, image(CUBE, BALL)).kind == kind


def test_positions_between_the_halves_are_undefined():
    middle = annotated("1", "cube", [], (40, 10, 20, 20))
    assert check("a cube on the left", image(middle)).kind == "undefined"


def test_annotated_relations_come_before_boxes():
    relations = frozenset([("2", "to the left of", "1"), ("1", "holding", "2")])
    scene = image(CUBE, BALL, relations=relations)
    assert check("a ball to the left of a cube", scene).kind == "true"
    assert check("a cube to the left of a ball", scene).kind == "verified"
    assert check("a cube holding a ball", scene).kind == "true"
    assert check("a cube wearing a ball", scene).kind == "plausible"


def test_hypernyms_and_hyponyms_are_recognized():
    scene = image(annotated("1", "man", [], (0, 0, 10, 10)), annotated("2", "palm tree", [], (50, 50, 10, 10)))
    assert check("a person and a tree", scene).kind == "true"
    assert check("a woman", scene).kind == "plausible"  # these annotators use "man", never "woman"
    assert check("a dog", scene).kind == "verified"


def test_own_captions_are_never_negatives():
    own = ["A red cube above a blue ball."]
    assert check("a red cube above a blue ball", None, own).kind == "collision"
    assert check("a blue ball is below a red cube", None, own).kind == "collision"
    assert check("a blue ball above a red cube", None, own).kind == "plausible"


def test_text_and_world_share_no_code():
    for file in sorted(Path(nearmiss.engine.text.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("nearmiss.engine.world"), file.name
