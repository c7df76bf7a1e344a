"""Texts of 100,000 characters end: worked on in about linear time, or set aside beyond a stated length."""

from random import Random

import pytest

from nearmiss.base.tables import table
from nearmiss.engine.text import edits
from nearmiss.engine.text.corruptions.typos import mistyped
from nearmiss.engine.text.edits import diff, replay
from nearmiss.engine.text.inflection import indefinite_article, is_plural, plural, singular
from nearmiss.engine.text.legible import LONGEST, illegible
from nearmiss.engine.text.paraphrasing import paraphrases
from nearmiss.engine.text.parsing import parse
from nearmiss.engine.text.tokens import token_texts, tokenize
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.candidates import TOO_MANY, Caption, Corpus, max_candidates
from nearmiss.stages.negatives.config import every_method
from nearmiss.stages.negatives.registry import METHODS

SHUFFLED = Random(1).sample([f"w{n}" for n in range(9000)] * 2, 18000)
TEXTS = {
    "repeated": "a red dog and " * 7000,
    "one word": "a" * 100_000,
    "accents": "e" + "\u0301" * 100_000,
    "invisible": "x\u200b" * 50_000,
    "hyphens": "x-" * 50_000,
    "blanks": "a" + " " * 100_000 + "b",
    "shuffled": " ".join(SHUFFLED),
}


@pytest.mark.parametrize("name", TEXTS)
def test_truncated_texts_are_compared(name):
    text = TEXTS[name]
    assert len(tokenize(text)) == len(token_texts(text))
    for other in ("a blue cat " + text, text[: len(text) // 2], text[::-1], text.replace("dog", "big cat")):
        assert replay(text, diff(text, other)) == other


def test_long_texts_that_share_most_words_have_small_edits():
    other = [*SHUFFLED[:5000], "new", *SHUFFLED[5000:9000], *SHUFFLED[9001:]]
    found = diff(" ".join(SHUFFLED), " ".join(other))
    assert len(found) == 2 and found[0].new.strip() == "new" and not found[1].new.strip()


def test_usual_captions_are_compared_as_before(monkeypatch):
    monkeypatch.setattr(edits, "_unique", None)  # a caption of 300 words does not come to it
    words = ["the", "a", "on", "red", "dog", "is", "in", "and", "of", ","] * 30
    assert replay(" ".join(words), diff(" ".join(words), " ".join(words[3:]))) == " ".join(words[3:])


def test_a_long_text_is_mistyped():
    text = "a red dog walks beside another animal " * 2600
    (made,) = mistyped([text], 0.2, Random(0))
    assert made != text and len(made.split()) == len(text.split())


def test_captions_over_the_limit_are_set_aside():
    text = "a red dog and " * 1000
    assert LONGEST >= 5000  # those of Localized Narratives have a few thousand
    assert illegible(text[:LONGEST]) is None and parse(text[: LONGEST - 20].rsplit(" and", 1)[0]) is not None
    assert illegible(text) == "the caption is longer than 10000 characters"
    assert parse(text) is None and paraphrases("synonym", text) == []


def test_words_of_any_length_are_inflected():
    for word in ("a" * 100_000, "ab-" * 30_000 + "s"):
        assert plural(word).startswith(word[:100]) and singular(word) == word
        assert not is_plural(word) and indefinite_article(word) in ("a", "an")


def corpus(text: str) -> Corpus:
    captions = (
        Caption("1", "1", text, None, "published"),
        Caption("2", "2", "a red dog on a table", None, "published"),
    )
    return Corpus(captions, table("images", []), table("objects", []), table("relations", []), 0)


@pytest.mark.parametrize("method", ["keyword", "swap", "replace"])
def test_the_candidates_of_a_long_caption_are_counted(method):
    """In a list every swap preserves the meaning, so all candidates are rejected: no more than the bound are tried."""
    text = ("a dog and a cat and a man and " * 340)[:LONGEST].rstrip()
    taken = check_candidates(corpus(text), METHODS[method], every_method()[method], method)
    tried = [row for row in taken.rejected if row["caption_id"] == "1"]
    assert len(tried) <= 6 * max_candidates(text)


def test_a_caption_reports_untried_candidates(monkeypatch):
    monkeypatch.setattr("nearmiss.stages.negatives.candidates._MAX_CHARACTERS", 100)
    text = "a dog and a cat and a man and a woman"
    taken = check_candidates(corpus(text), METHODS["swap"], every_method()["swap"], "swap")
    assert TOO_MANY in {row["reason"] for row in taken.rejected}
    assert max_candidates("a red dog") > 1
