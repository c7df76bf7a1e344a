"""Concept and operator come from what two captions state, and agree with the world's own comparison."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmiss.engine.text.labels import label, mentioned_pairs, mentioned_relations, same_meaning
from nearmiss.engine.text.parsing import parse
from nearmiss.engine.world.statements import compare
from nearmiss.engine.world.statements import parse as parse_as_the_world_does

POSITIVE = "a small red cube is to the left of a large blue ball"


@pytest.mark.parametrize(
    ("negative", "expected"),
    [
        ("a small red cube is to the right of a large blue ball", ("relation", "reverse")),
        ("a large blue ball is to the left of a small red cube", ("relation", "reverse")),
        ("a small red cube is above a large blue ball", ("relation", "replace")),
        ("a small blue cube is to the left of a large red ball", ("color", "swap")),
        ("a large red cube is to the left of a small blue ball", ("size", "swap")),
        ("a small red ball is to the left of a large blue cube", ("object", "swap")),
        ("a small green cube is to the left of a large blue ball", ("color", "replace")),
        ("a small red ring is to the left of a large blue ball", ("object", "replace")),
        ("a large red cube is to the left of a large blue ball", ("size", "replace")),
        ("a small green ring is to the left of a large blue ball", (None, None)),
        ("a large blue ball is to the right of a small red cube", (None, None)),
        ("a small red cube", (None, None)),
        (POSITIVE, (None, None)),
    ],
)
def test_the_changed_concept_and_operator_are_found(negative, expected):
    assert label(POSITIVE, negative) == expected


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [
        ("a cube on the left", "a cube on the right", ("location", "replace")),
        ("there are two cubes", "there are three cubes", ("count", "recount")),
        ("there is one cube", "there are no cubes", ("existence", "negate")),
        ("The cube is striped.", "The cube is dotted.", ("pattern", "replace")),
        ("a red cube", "a red cube and a blue ball", ("object", "add")),
        ("a man standing next to a dog", "a man standing far from a dog", ("relation", "reverse")),
        ("a wooden table", "a metal table", ("attribute", "replace")),
        ("is is", "a cube", (None, None)),
    ],
)
def test_other_statements(positive, negative, expected):
    assert label(positive, negative) == expected


NOUN_PHRASES = [f"a {s} {c} {n}" for s, c, n in product(("small", "large"), ("red", "blue"), ("cube", "ball"))]
SENTENCES = st.one_of(
    st.builds(
        "{} {} {}".format,
        st.sampled_from(NOUN_PHRASES),
        st.sampled_from(["to the left of", "is above", "is to the right of", "below", "and"]),
        st.sampled_from(NOUN_PHRASES),
    ),
    st.builds("{} {}".format, st.sampled_from(NOUN_PHRASES), st.sampled_from(["on the left-hand side", "at the top"])),
)


@settings(max_examples=300)
@given(SENTENCES, SENTENCES)
def test_labels_agree_with_the_worlds_comparison(one, other):
    before, after = parse_as_the_world_does(one), parse_as_the_world_does(other)
    assert label(one, other) == compare(before, after)


def test_paraphrases_have_the_same_meaning():
    assert same_meaning("a red cube above a blue ball", "There is a blue ball below a red cube.")
    assert same_meaning("a red cube and a blue ball", "a picture of a blue ball with a red cube")
    assert not same_meaning("a red cube above a blue ball", "a blue ball above a red cube")
    assert same_meaning("What a day!", "what a day")


def test_pairs_and_relations_that_a_caption_mentions():
    parsed = parse(POSITIVE)
    assert mentioned_pairs(parsed) == [("red", "cube"), ("blue", "ball")]
    assert mentioned_relations(parsed) == [("cube", "to the left of", "ball"), ("ball", "to the right of", "cube")]
