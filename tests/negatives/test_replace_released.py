"""CE-CLIP as released: each of its known defects shows, is not mended, and is marked as unchecked."""

import pytest
from test_replace import corpus, tiny_language_model  # noqa: F401

from nearmiss.engine.text.cloze import Cloze
from nearmiss.engine.text.tagging import tag
from nearmiss.engine.text.tokens import tokenize
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.candidates import Candidate, Corpus, Rejected
from nearmiss.stages.negatives.registry import METHODS
from nearmiss.stages.negatives.replace.gaps import CorpusFiller, Gap
from nearmiss.stages.negatives.replace.method import generate
from nearmiss.stages.negatives.replace.released import EMPTY_SLOT, exchanged
from nearmiss.stages.negatives.spec import ReplaceConfig


def outcomes(given: Corpus, **options) -> list:
    return list(generate(given, ReplaceConfig(mode="released", **options)))


def test_released_mode_swaps_substrings_of_longer_words():
    text = "A man and a woman near a dog"
    (sentence,) = tag([text])
    assert exchanged(text, sentence) == "A woman and a wowoman near a dog"


def test_released_mode_swaps_equal_nouns_and_skips_two_nouns():
    for text, expected in [
        ("a dog and a dog near a cat", "a dog and a dog near a cat"),
        ("a dog on a cat", EMPTY_SLOT),
    ]:
        (sentence,) = tag([text])
        assert exchanged(text, sentence) == expected


def test_the_first_occurrence_of_the_string_is_masked():
    given = corpus({"1": ["a redhead near a red cup"]}, annotated=False)
    (candidate,) = [o for o in outcomes(given, slots=["attribute"]) if isinstance(o, Candidate)]
    assert candidate.negative.endswith("head near a red cup")  # "red" of "redhead" was filled


def test_the_fourth_fill_is_always_used():
    sentences = [[("a", "DT"), (word, "JJ"), ("dog", "NN")] for word in "eeeee dddd ccc bb a".replace(" ", "")]
    gap = Gap("a e dog", 2, 3, ("a", "e", "dog"), 1, "ADJ", "JJ")
    (captions,) = CorpusFiller(Cloze(sentences, ["JJ"])).filled_captions([gap], 5)
    assert captions == ["a e dog", "a d dog", "a c dog", "a b dog", "a a dog"]
    texts = {
        str(at): [f"a {word} dog"] for at, word in enumerate(["red"] * 5 + ["blue"] * 4 + ["green"] * 3 + ["gray"] * 2)
    }
    given = corpus(texts, annotated=False)
    found = {o.negative for o in outcomes(given, slots=["attribute"]) if isinstance(o, Candidate)}
    assert found == {"a gray dog"}  # for the gray dog too: the caption itself


def test_an_impossible_slot_is_marked_and_set_aside():
    rejected = [o for o in outcomes(corpus({"1": ["a dog"]}, annotated=False)) if isinstance(o, Rejected)]
    assert {(o.type, o.negative) for o in rejected} == {(slot, "###") for slot in ("relation", "attribute", "action")}


def test_released_negatives_are_not_corrected():
    texts = {"1": ["a dog near a dog near a cat", "a red dog"], "2": ["a red dog"]}
    given = corpus(texts, annotated=False)
    options = ReplaceConfig(mode="released")
    taken = check_candidates(given, METHODS["replace"], options, "replace")
    assert {(row["verdict"], row["mode"]) for row in taken.negatives} == {("unchecked", "released")}
    assert any(row["negative"] == row["positive"] for row in taken.negatives)
    checked = check_candidates(given, METHODS["replace"], ReplaceConfig(), "replace")
    assert {row["mode"] for row in checked.negatives} <= {"default"}
    assert not any(row["negative"] == row["positive"] for row in checked.negatives)


def test_the_fourth_prediction_of_the_language_model_is_used(tiny_language_model):  # noqa: F811
    given = corpus({"1": ["the red dog runs above the box"]}, annotated=False)
    options = {"language_model": str(tiny_language_model), "slots": ["attribute"]}
    (candidate,) = outcomes(given, **options)
    assert candidate.unchecked
    from transformers import pipeline

    answers = pipeline("fill-mask", model=str(tiny_language_model))("the [MASK] dog runs above the box", top_k=5)
    assert candidate.negative == answers[3]["sequence"]


def test_default_mode_splits_no_word():
    given = corpus({"1": ["a man above a woman above a bus"]}, annotated=False)

    def torn(**options) -> bool:
        found = [o for o in generate(given, ReplaceConfig(slots=["relation"], **options)) if isinstance(o, Candidate)]
        words = {token.lower for token in tokenize(given.captions[0].text)}
        return any(token.lower not in words for o in found for token in tokenize(o.negative))

    assert torn(mode="released")
    assert not torn()


@pytest.mark.parametrize("mode", ["default", "released"])
def test_draws_depend_only_on_caption_and_seed(mode):
    def drawn():
        found = generate(corpus(), ReplaceConfig(mode=mode))
        return [each._replace(text=None) for each in found if isinstance(each, Candidate)]  # texts compare by identity

    one = drawn()
    assert one == drawn()
