"""Typos: never in the words that an item tests, the same in all of its captions."""

import string
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearmiss.engine.text.corruptions.corruption import share_changed
from nearmiss.engine.text.corruptions.typos import mistyped, typo
from nearmiss.engine.text.lexicon import attribute_words, object_words

PAIR = ["a small red cube to the left of a large blue ball", "a small red cube to the right of a large blue ball"]


@given(st.text(string.ascii_lowercase, min_size=3, max_size=12), st.integers(0, 1000))
def test_a_typo_is_one_keystroke(word, seed):
    made = typo(word, Random(seed))
    assert abs(len(made) - len(word)) <= 1
    if len(set(word)) > 1:
        assert made != word


def test_a_larger_share_gives_more_typos():
    def hit(share):
        made = mistyped(PAIR, share, Random(1))[0]
        return sum(old != new for old, new in zip(PAIR[0].split(), made.split(), strict=True))

    assert hit(0.01) == 1
    assert hit(0.25) == 3
    assert hit(0.9) == 6  # small, red, cube, large, blue, ball: no place, no article


@pytest.mark.parametrize("seed", range(30))
def test_words_in_which_captions_differ_have_no_typos(seed):
    left, right = mistyped(PAIR, 0.9, Random(seed))
    assert "left" in left.split() and "right" in right.split()
    assert left.replace("left", "right") == right


@pytest.mark.parametrize("seed", range(30))
def test_exchanged_words_have_no_typos(seed):
    pair = ["a red cube and a blue ball", "a blue cube and a red ball"]
    for caption, original in zip(mistyped(pair, 0.9, Random(seed)), pair, strict=True):
        colors = [word for word in caption.split() if word in ("red", "blue")]
        assert colors == [word for word in original.split() if word in ("red", "blue")]


def test_numbers_have_no_typos():
    assert mistyped(["two at the top", "three at the top"], 0.9, Random(0)) == ["two at the top", "three at the top"]


@pytest.mark.parametrize("word", ["red", "star", "ball", "cube", "ring", "car", "cat", "bear"])
def test_a_typo_is_not_a_word_of_the_vocabulary(word):
    made = {typo(word, Random(seed)) for seed in range(200)}
    assert len(made) > 5
    assert not made & {*object_words(), *attribute_words()}


def test_a_repeated_word_counts_twice():
    pair = ["small cubes and small balls on small stones beside a lake", "small cubes and small balls on small stones"]
    for seed in range(20):
        assert 3 <= round(share_changed(pair[:1], mistyped(pair, 0.25, Random(seed))[:1]) * 11) <= 5


def test_the_same_seed_gives_the_same_typos():
    assert mistyped(PAIR, 0.4, Random(3)) == mistyped(PAIR, 0.4, Random(3))
    assert len({tuple(mistyped(PAIR, 0.4, Random(seed))) for seed in range(20)}) > 10
