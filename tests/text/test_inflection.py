"""Number and articles of every noun that the lexicons have."""

import pytest

from nearmiss.engine.text.inflection import indefinite_article, is_plural, number_word, plural, singular
from nearmiss.engine.text.lexicon import objects


@pytest.mark.parametrize("word", sorted({word for words in objects().values() for word in words}))
def test_every_object_word_goes_to_the_plural_and_back(word):
    assert singular(plural(word)) == word
    assert singular(word) == word


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("cross", "crosses"),
        ("bus", "buses"),
        ("knife", "knives"),
        ("teddy bear", "teddy bears"),
        ("person", "people"),
        ("sheep", "sheep"),
        ("box", "boxes"),
        ("torus", "tori"),
    ],
)
def test_plurals(one, many):
    assert (plural(one), singular(many)) == (many, one)


def test_plurals_are_recognized():
    assert is_plural("wine glasses")
    assert is_plural("scissors")
    assert not is_plural("grass")
    assert not is_plural("tennis")
    assert not is_plural("")


def test_articles_follow_the_sound():
    assert [indefinite_article(word) for word in ("orange", "university", "hour", "cube")] == ["an", "a", "an", "a"]


def test_numbers():
    assert [number_word(number) for number in (1, 2, 10)] == ["one", "two", "ten"]
