"""How the words of a caption change with the image."""

from collections import Counter
from types import SimpleNamespace

import pytest

from nearmiss.engine.images.editing.plan import After, Plan
from nearmiss.stages.inpaint.wording import captions_with_value, edited_captions

WORDS = Counter({("size", "large", "huge"): 1, ("size", "large", "large"): 5, ("size", "small", "small"): 5})
CORPUS = SimpleNamespace(
    names={"owl": "owl", "cube": "cube", "umbrella": "umbrella", "dog": "dog"},
    words=WORDS,
    word=lambda kind, group: group,
    combinations=frozenset({("dog", "size", "large")}),
)
NAMES_ALONE = SimpleNamespace(**{**vars(CORPUS), "combinations": frozenset()})


@pytest.mark.parametrize(
    ("text", "kind", "old", "new", "expected"),
    [
        ("A red ball", "color", "red", "orange", ["An orange ball"]),
        ("a crimson ball and red cubes", "color", "red", "blue", ["a blue ball and red cubes",
         "a crimson ball and blue cubes"]),
        ("a tiny dog", "size", "small", "large", ["a huge dog"]),
        ("a big dog", "size", "large", "small", ["a small dog"]),
        ("a kitten on a mat", "object", "cat", "umbrella", ["an umbrella on a mat"]),
        ("a man on a horse", "object", "person", "dog", ["a dog on a horse"]),
        ("two dogs", "object", "dog", "cube", []),
        ("a dog house near a dog", "object", "dog", "cube", ["a dog house near a cube"]),
        ("a dog that is large", "object", "dog", "cube", ["a cube that is large"]),
        ("a dog on the left side", "location", "on the left", "on the right", ["a dog on the right side"]),
        ("At the top there is a dog", "location", "at the top", "at the bottom", ["At the bottom there is a dog"]),
        ("there are two small dogs", "count", "2", "1", ["there is one small dog"]),
        ("two crosses are on a mat", "count", "2", "1", ["one cross is on a mat"]),
        ("Three dogs and two cats", "count", "3", "2", ["Two dogs and two cats"]),
        ("3 dogs", "count", "3", "2", ["2 dogs"]),
        ("a dog", "color", "red", "blue", []),
    ],
)  # fmt: skip
def test_a_replaced_word_keeps_agreement(text, kind, old, new, expected):
    found = edited_captions(text, Plan("o", kind, old, new, None), CORPUS)
    assert [edited for edited, _ in found] == expected


def test_changed_words_are_reported():
    plan = Plan("o", "count", "2", "1", None)
    assert edited_captions("there are two dogs", plan, CORPUS) == [("there is one dog", ("are two dogs", "is one dog"))]


@pytest.mark.parametrize("text", ["a panda bear in a tree", "a bear kite", "a person kite boarding"])
@pytest.mark.parametrize("name", ["bear", "person"])
def test_a_part_of_a_compound_is_not_replaced(text, name):
    assert edited_captions(text, Plan("o", "object", name, "cube", None), NAMES_ALONE) == []


@pytest.mark.parametrize("text", ["a bear in a tree", "A white bear", "the old bear"])
def test_an_attribute_is_no_part_of_a_compound(text):
    found = edited_captions(text, Plan("o", "object", "bear", "cube", None), NAMES_ALONE)
    assert [edited for edited, _ in found] == [text.replace("bear", "cube")]


@pytest.mark.parametrize("noun", ["black cream colored couch", "striped couch", "cream-colored couch", "white couch"])
def test_no_color_is_written_before_a_word_of_color(noun):
    after = After("couch", {"color": "blue"})
    assert captions_with_value(f"a dog on a {noun}", Plan("o", "color", "black", "blue", after), CORPUS) == []


@pytest.mark.parametrize(
    "text", ["a dog lying on a mat", "a dog is chained", "a dog with a bone", "a dog that is large"]
)
def test_actions_are_not_transferred_to_another_object(text):
    assert edited_captions(text, Plan("o", "object", "dog", "cube", None), NAMES_ALONE) == []


@pytest.mark.parametrize(
    ("text", "kind", "old", "expected"),
    [
        ("A dog near a car.", "color", "red", ["A red dog near a car."]),
        ("A fire dog near a car.", "size", "small", ["A small fire dog near a car."]),
        ("A small dog near a car.", "color", "red", ["A small red dog near a car."]),
        ("A red dog near a car.", "color", "red", []),
        ("A dog near a car.", "location", "on the left", ["A dog on the left near a car."]),
        ("A MAT AND A DOG", "location", "at the top", ["A MAT AND A DOG AT THE TOP"]),
        ("a dog house", "location", "on the left", []),
        ("a dog lying on a mat", "location", "on the left", []),
        ("two dogs", "location", "on the left", []),
    ],
)
def test_colors_sizes_and_locations_are_added_to_the_noun(text, kind, old, expected):
    assert captions_with_value(text, Plan("o", kind, old, "other", After("dog", {})), CORPUS) == expected
