"""ARO's perturbations of order: what each moves, what each leaves, and that no word is lost."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmiss.engine.text.order import PERTURBATIONS, perturbed
from nearmiss.engine.text.tagging import Tagged, tag

CAPTION = "a small red cube and a large blue ball are above a green cone on the left"


def tagged(text: str) -> tuple[Tagged, ...]:
    (sentence,) = tag([text])
    return sentence


def kinds(sentence, words=None) -> list[str]:
    """Of each place: "NN", "JJ" or "" by the tag that a word has in the caption."""
    tags = {word.text: word.tag[:2] if word.tag[:2] in ("NN", "JJ") else "" for word in sentence}
    return [tags[word] for word in (words or [word.text for word in sentence])]


def chunks(words) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + 3]) for at in range(0, len(words), 3)]


def holds(name: str, sentence, original: list[str]) -> bool:
    """The defining invariant of a perturbation."""
    words = [word.text for word in sentence]
    pairs = list(zip(words, original, strict=True))
    if name == "nouns_and_adjectives":
        stays = all(old == new for (old, new), kind in zip(pairs, kinds(sentence), strict=True) if not kind)
        return stays and kinds(sentence) == kinds(sentence, original)
    if name == "all_but_nouns_and_adjectives":
        return all(old == new for (old, new), kind in zip(pairs, kinds(sentence), strict=True) if kind)
    if name == "within_trigrams":
        return [Counter(each) for each in chunks(words)] == [Counter(each) for each in chunks(original)]
    whole = Counter(each for each in chunks(words) if len(each) == 3)
    return all(any(chunk == tuple(original[at : at + 3]) for at in range(len(original) - 2)) for chunk in whole)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_each_operator_moves_only_its_words(name):
    sentence = tagged(CAPTION)
    for item in range(30):
        original = perturbed(sentence, name, 0, str(item))
        assert original is not None and original != [word.text for word in sentence]
        assert Counter(original) == Counter(word.text for word in sentence)
        assert holds(name, sentence, original)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_the_invariants_distinguish_the_four_operators(name):
    """The planted fault: what another perturbation makes breaks the invariant."""
    sentence = tagged(CAPTION)
    others = [other for other in PERTURBATIONS if other != name]
    for other in others:
        original = [perturbed(sentence, other, 0, str(item)) for item in range(10)]
        assert not all(holds(name, sentence, each) for each in original)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_draws_depend_only_on_item_and_seed(name):
    sentence = tagged(CAPTION)
    first = perturbed(sentence, name, 0, "a")
    assert first == perturbed(sentence, name, 0, "a")
    assert len({tuple(perturbed(sentence, name, seed, item)) for seed in (0, 1) for item in "abcd"}) > 3


def test_a_caption_without_permutations_gives_none():
    assert perturbed(tagged("dog"), "within_trigrams", 0, "1") is None
    assert perturbed(tagged("a red cube"), "trigrams", 0, "1") is None
    assert perturbed(tagged("a dog near a dog"), "nouns_and_adjectives", 0, "1") is None
    assert perturbed((), "trigrams", 0, "1") is None


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["a", "red", "cube", "and", "under", "Small", "ball", ",", "7"]), max_size=14))
def test_any_caption_keeps_its_words(words):
    sentence = tagged(" ".join(words))
    for name in PERTURBATIONS:
        original = perturbed(sentence, name, 0, "x")
        assert original is None or Counter(original) == Counter(word.text for word in sentence)
