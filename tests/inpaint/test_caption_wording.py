"""How a caption's words change with the picture."""

from collections import Counter
from types import SimpleNamespace

import pytest

from nearmiss.engine.images.editing.plan import Plan
from nearmiss.stages.inpaint.wording import edited_captions

WORDS = Counter({("size", "large", "huge"): 1, ("size", "large", "large"): 5, ("size", "small", "small"): 5})
CORPUS = SimpleNamespace(
    names={"owl": "owl", "cube": "cube", "umbrella": "umbrella", "dog": "dog"},
    words=WORDS,
    word=lambda kind, group: group,
)


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
        ("a dog on the left side", "location", "on the left", "on the right", ["a dog on the right side"]),
        ("At the top there is a dog", "location", "at the top", "at the bottom", ["At the bottom there is a dog"]),
        ("there are two small dogs", "count", "2", "1", ["there is one small dog"]),
        ("two crosses are on a mat", "count", "2", "1", ["one cross is on a mat"]),
        ("Three dogs and two cats", "count", "3", "2", ["Two dogs and two cats"]),
        ("3 dogs", "count", "3", "2", ["2 dogs"]),
        ("a dog", "color", "red", "blue", []),
    ],
)  # fmt: skip
def test_a_word_is_exchanged_and_what_agrees_with_it_follows(text, kind, old, new, expected):
    found = edited_captions(text, Plan("o", kind, old, new, None), CORPUS)
    assert [edited for edited, _ in found] == expected


def test_the_words_that_changed_are_told():
    plan = Plan("o", "count", "2", "1", None)
    assert edited_captions("there are two dogs", plan, CORPUS) == [("there is one dog", ("are two dogs", "is one dog"))]
