"""Words of captions from the web: no hyphen, apostrophe, accent or invisible character splits a word."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmiss.base.tables import table
from nearmiss.engine.text.collisions import Used, collision
from nearmiss.engine.text.edits import Edit, diff, replay
from nearmiss.engine.text.spelling import APOSTROPHES, HYPHENS
from nearmiss.engine.text.tokens import normalized, token_texts, tokenize
from nearmiss.engine.text.verdict import check
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.candidates import Caption, Corpus
from nearmiss.stages.negatives.config import every_method
from nearmiss.stages.negatives.registry import METHODS


def words(text: str) -> list[str]:
    return [token.text for token in tokenize(text)]


def negatives(*texts: str, method: str = "keyword") -> list[dict]:
    captions = tuple(Caption(str(at), str(at), text, None, "published") for at, text in enumerate(texts))
    corpus = Corpus(captions, table("images", []), table("objects", []), table("relations", []), 0)
    return check_candidates(corpus, METHODS[method], every_method()[method], method).negatives


@pytest.mark.parametrize("hyphen", HYPHENS)
def test_a_word_with_any_hyphen_is_one_token(hyphen):
    word = f"red{hyphen}haired"
    text = f"A {word} man next to a blue car."
    assert words(text)[1] == word and token_texts(text)[1] == "red-haired"
    made = negatives(text, "a green car next to a dog")
    assert any(row["caption_id"] == "0" for row in made)
    assert all(word in row["negative"] for row in made if row["caption_id"] == "0")


@pytest.mark.parametrize("apostrophe", APOSTROPHES)
def test_a_possessive_with_any_apostrophe_is_one_token(apostrophe):
    word = f"man{apostrophe}s"
    text = f"a {word} red hat"
    assert words(text) == ["a", word, "red", "hat"]
    made = negatives(text, "a woman in a blue hat")
    assert made and all(word in row["negative"] for row in made if row["caption_id"] == "0")


@pytest.mark.parametrize("inside", ["\u00ad", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u0301"])
def test_invisible_characters_do_not_split_words(inside):
    assert words(f"a re{inside}ddish dog") == ["a", f"re{inside}ddish", "dog"]


@pytest.mark.parametrize("space", ["\u00a0", "\u202f", "\u2009", "\u3000", "\t", "\n"])
def test_every_kind_of_space_separates_words(space):
    assert words(f"a{space}red{space}dog") == ["a", "red", "dog"]
    made = negatives(f"a red{space}dog", "a blue dog")
    assert [row["negative"] for row in made if row["caption_id"] == "0"] == [f"a blue{space}dog"]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("cafe\u0301", "caf\u00e9"),
        ("\uff32\uff25\uff24", "red"),
        ("\ufb01sh", "fish"),
        ("man\u02bcs", "man's"),
        ("m\u00b2", "m\u00b2"),  # a superscript is no number
        ("\u00bd", "\u00bd"),
    ],
)
def test_one_word_in_two_spellings_is_one_word(text, plain):
    assert token_texts(text) == (plain,)
    assert normalized(f"a {text}") == normalized(f"a {plain}")


def test_a_full_width_word_is_replaced_at_its_offset():
    text = "a \uff52\uff45\uff44 car"
    (row,) = [row for row in negatives(text, "a blue car") if row["caption_id"] == "0"]
    assert row["negative"] == "a blue car"
    assert row["edits"] == [{"start": 2, "end": 5, "old": "\uff52\uff45\uff44", "new": "blue"}]


def test_letters_that_lengthen_in_lower_case_shift_no_offset():
    """The dotted capital I has two characters in lower case."""
    made = negatives("\u0130\u0130\u0130 has a red car", "a blue car")
    assert [row["negative"] for row in made if row["caption_id"] == "0"] == ["\u0130\u0130\u0130 has a blue car"]


def test_an_emoji_is_one_token_with_its_modifiers():
    family, thumb, flag = "\U0001f469\u200d\U0001f467", "\U0001f44d\U0001f3fd", "\U0001f1e9\U0001f1ea"
    assert words(f"a dog {family} {thumb} {flag}") == ["a", "dog", family, thumb, flag]


def test_a_caption_in_other_typography_is_the_same_caption():
    assert check("a red\u2011haired man\u2019s hat", None, ["A red-haired man's hat."]).kind == "collision"


def test_words_beside_a_dash_are_checked_for_collisions():
    edit = Edit(2, 5, "cat", "dog")
    assert collision(("a", "cat"), [edit], Used.of(["a man with a dog\u2014a red one"])) is not None


LETTERS = ["a", "red", "dog", "man", "on", "left", "of", "\uff52\uff45\uff44", "\ufb01", "\u0130", "\U0001f415"]
BETWEEN = [*"   -',.", "\u2011", "\u2014", "\u2019", "\u00a0", "\u00ad", "\u200b", "\u0301"]
pieces = st.sampled_from([*LETTERS, *BETWEEN])


@settings(max_examples=40)
@given(st.lists(st.lists(pieces, max_size=24).map("".join), min_size=2, max_size=3))
def test_edits_split_no_word_and_are_the_only_difference(texts):
    assert all(text[token.start : token.end] == token.text for text in texts for token in tokenize(text))
    assert all(len(token_texts(text)) == len(tokenize(text)) and all(token_texts(text)) for text in texts)
    assert replay(texts[0], diff(texts[0], texts[1])) == texts[1]
    for method in ("keyword", "replace", "swap"):
        for row in negatives(*texts, method=method):
            edits = [Edit(**edit) for edit in row["edits"]]
            inside = {at for token in tokenize(row["positive"]) for at in range(token.start + 1, token.end)}
            assert replay(row["positive"], edits) == row["negative"] != row["positive"]
            assert not inside & {place for edit in edits for place in (edit.start, edit.end)}
