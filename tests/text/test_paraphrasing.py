"""Paraphrases preserve the statement; where a rule is uncertain it gives none."""

from typing import get_args

import pytest

from nearmiss.engine.text import paraphrasing
from nearmiss.engine.text.labels import same_meaning
from nearmiss.engine.text.paraphrasing import OPERATORS, paraphrases
from nearmiss.stages.negatives.spec import EvaluationParaphrase, TrainingParaphrase


@pytest.mark.parametrize(
    ("operator", "text", "expected"),
    [
        ("synonym", "A large dog on a couch.", ["A big dog on a couch.", "A large dog on a sofa."]),
        ("synonym", "An airplane in the sky", ["A plane in the sky"]),
        ("synonym", "a TV on a wall", ["a television on a wall"]),
        ("synonym", "a little bit of cake", []),
        ("synonym", "a man made lake", []),
        ("synonym", "a motor bike", []),
        ("conjunction", "there is a red cube and a blue ball", ["there is a blue ball and a red cube"]),
        ("conjunction", "A cat and a dog.", ["A dog and a cat."]),
        ("conjunction", "two dogs and a cat are here", []),  # what follows may describe only the last
        ("conjunction", "two dogs and a cat", ["a cat and two dogs"]),
        ("conjunction", "a picture of a cat and a dog", ["a picture of a dog and a cat"]),
        ("conjunction", "a red and blue ball", ["a blue and red ball"]),
        ("conjunction", "a cube above a ball and a star", []),  # what the star belongs to would change
        ("conjunction", "a man and a woman in a red dress", []),  # who wears it would change
        ("inverse", "a cube left of a ball", ["a ball right of a cube"]),
        ("inverse", "A red cube is above a blue ball.", ["A blue ball is below a red cube."]),
        ("inverse", "there is a cat under two dogs", ["there are two dogs over a cat"]),
        ("inverse", "an orange is near a cat", ["a cat is near an orange"]),
        ("inverse", "a cat in front of a dog", []),  # from whose side?
        ("inverse", "a cube above a ball and a star", []),
        ("inverse", "", []),
    ],
)
def test_each_operator_preserves_the_statement(operator, text, expected):
    assert paraphrases(operator, text) == expected


def test_training_and_evaluation_share_no_operator():
    training, evaluation = set(get_args(TrainingParaphrase)), set(get_args(EvaluationParaphrase))
    assert not training & evaluation
    assert training | evaluation == OPERATORS.keys()


def test_a_wrong_synonym_is_detected(monkeypatch):
    wrong = {"red": [(("red",), ["blue"])]}
    monkeypatch.setattr(paraphrasing, "_synonyms", lambda: wrong)
    assert list(OPERATORS["synonym"]("a red cube above a ball")) == ["a blue cube above a ball"]
    assert paraphrases("synonym", "a red cube above a ball") == []


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_paraphrasing_is_reproducible(operator):
    for text in ("a large cube and a small ball", "there is a large cube above a small ball", "a gray and red couch"):
        for other in paraphrases(operator, text):
            assert same_meaning(text, other)
            assert text in paraphrases(operator, other) or operator == "synonym"
