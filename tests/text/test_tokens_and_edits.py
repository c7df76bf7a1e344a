"""Edits: what is written in the table turns the positive into exactly the negative, and reads like English."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearmiss.engine.text.edits import Edit, apply, diff, replay
from nearmiss.engine.text.tokens import normalized, tokenize

WORDS = st.sampled_from(
    ["a", "an", "A", "red", "orange", "cube", "ball,", "is", "to", "the", "left", "of", "on.", "  "]
)
TEXTS = st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=20)


@given(TEXTS)
def test_token_offsets_match_the_text(text):
    tokens = tokenize(text)
    assert all(text[token.start : token.end] == token.text for token in tokens)
    assert "".join(token.text for token in tokens) == "".join(text.split()) or not text.isprintable()


def test_hyphens_and_apostrophes_stay_inside_a_word():
    assert [token.text for token in tokenize("A red-haired man's hat, size 3.5!")] == [
        "A",
        "red-haired",
        "man's",
        "hat",
        ",",
        "size",
        "3.5",
        "!",
    ]


def test_normalization_ignores_only_case_and_punctuation():
    assert normalized("A red  cube.") == normalized("a Red cube") != normalized("a red cubes")


@given(TEXTS, TEXTS)
def test_applying_the_difference_gives_the_other_text(positive, negative):
    edits = diff(positive, negative)
    assert replay(positive, edits) == negative
    assert all(positive[edit.start : edit.end] == edit.old != edit.new for edit in edits)
    assert edits == sorted(edits)
    assert not diff(positive, positive)


def test_an_exchange_of_two_words_is_two_edits():
    edits = diff("a red cube and a blue ball", "a blue cube and a red ball")
    assert [(edit.old, edit.new) for edit in edits] == [("red", "blue"), ("blue", "red")]


def test_a_phrase_of_another_length_is_one_edit():
    assert diff("a cube above a ball", "a cube to the left of a ball") == [Edit(7, 12, "above", "to the left of")]


@pytest.mark.parametrize(
    ("text", "old", "new", "expected"),
    [
        ("a red cube", "red", "orange", "an orange cube"),
        ("An orange cube", "orange", "red", "A red cube"),
        ("Red cubes", "Red", "blue", "Blue cubes"),
        ("A LARGE KITCHEN", "LARGE", "small", "A SMALL KITCHEN"),
        ("a man in a tie", "tie", "umbrella", "a man in an umbrella"),
        ("an old man", "man", "woman", "an old woman"),
        ("a cube on the left", "cube", "hour", "an hour on the left"),
    ],
)
def test_applying_an_edit_keeps_capitals_and_corrects_the_article(text, old, new, expected):
    start = text.index(old)
    assert apply(text, [Edit(start, start + len(old), old, new)]) == expected


def test_a_wrong_article_far_from_the_edit_is_unchanged():
    assert apply("a orange cube and a ball", [Edit(20, 24, "ball", "cone")]) == "a orange cube and a cone"


def test_an_edit_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        apply("a red cube", [Edit(2, 5, "blue", "green")])
    with pytest.raises(ValueError, match="does not fit"):
        apply("a red cube", [Edit(2, 5, "red", "green"), Edit(4, 6, "d ", "x")])
