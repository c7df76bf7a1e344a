"""Sentences of two statements are parsed, decided by the annotations, and labeled."""

import pytest

from nearmiss.engine.text.annotations import Annotations, Vocabulary, annotated
from nearmiss.engine.text.labels import label, same_meaning
from nearmiss.engine.text.parsing import parse
from nearmiss.engine.text.verdict import check

NAMES = frozenset(["cube", "ball", "star"])
# Two cubes and a ball; the red cube is above and to the left of the blue ball.
SCENE = Annotations(
    100,
    100,
    (
        annotated("1", "cube", ["red"], (10, 10, 10, 10)),
        annotated("2", "cube", ["green"], (80, 10, 10, 10)),
        annotated("3", "ball", ["blue"], (50, 70, 10, 10)),
    ),
    frozenset(),
    Vocabulary(NAMES, NAMES),
)


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("There are more cubes than balls.", "true"),
        ("There are fewer cubes than balls.", "verified"),
        ("There are as many cubes as balls.", "verified"),
        ("There are more stars than balls.", "verified"),
        ("There is both a red cube and a blue ball.", "true"),
        ("There is both a red and a blue cube.", "verified"),
        ("There is either a red cube or a blue ball.", "verified"),
        ("There is either a red cube or a red ball.", "true"),
        ("There is at least one cube that is green.", "true"),
        ("There is no cube that is green.", "verified"),
        ("The red cube is both above the ball and to the left of the ball.", "true"),
        ("The red cube is both above the ball and to the right of the ball.", "verified"),
        ("There is both a red cube and a green cube above the ball.", "true"),
        ("The ball is to the right of either the red cube or the green cube.", "true"),
        ("The ball is below either the red cube or the green cube.", "verified"),
    ],
)
def test_the_annotations_decide(sentence, kind):
    assert check(sentence, SCENE).kind == kind


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [
        ("There are more cubes than balls.", "There are as many cubes as balls.", ("count", "recount")),
        ("There is at least one cube that is red.", "There is no cube that is red.", ("existence", "negate")),
        (
            "There is both a red cube and a blue ball.",
            "There is both a red cube and a green ball.",
            ("logic", "replace"),
        ),
        ("A man is gizmoing. There is no.", "A man is gizmoing.", (None, None)),
        (
            "There is no man that is flinging in the air the ball.",
            "There is at least one man that is flinging in the air the ball.",
            ("existence", "negate"),
        ),
    ],
)
def test_labels(positive, negative, expected):
    assert label(positive, negative, NAMES) == expected


def test_equivalent_statements_compare_as_equal():
    assert same_meaning("There are more cubes than balls.", "There are fewer balls than cubes.")
    assert same_meaning("There is either a cube or a ball.", "There is either a ball or a cube.")
    assert not same_meaning("There is either a cube or a ball.", "There is both a cube and a ball.")
    assert not same_meaning("There are more cubes than balls.", "There are more balls than cubes.")


def test_sentences_without_a_comparison_are_not_parsed():
    for text in (
        "There are more than two dogs.",
        "There are two dogs or more.",
        "There is both a cube and a ball and a star",
    ):
        found = parse(text)
        assert found is None or found.join is None
