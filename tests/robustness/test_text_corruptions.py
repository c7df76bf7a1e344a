"""Corruptions of captions: what each one does, and what every one keeps."""

from random import Random

import pytest

from nearmiss.engine.images.corruptions.registry import CORRUPTIONS
from nearmiss.engine.text.corruptions import spec
from nearmiss.engine.text.corruptions.corruption import share_changed
from nearmiss.engine.text.corruptions.registry import TEXT_CORRUPTIONS
from nearmiss.engine.text.lexicon import attribute_words, object_words

OPTIONS = {
    options.corruption: options
    for options in (
        spec.TyposConfig(),
        spec.SwappedLettersConfig(),
        spec.DroppedLettersConfig(),
        spec.DoubledLettersConfig(),
        spec.OcrErrorsConfig(),
        spec.CapitalsConfig(),
        spec.PunctuationConfig(),
        spec.DroppedWordsConfig(),
    )
}
PAIR = [
    "A small wooden table stands to the left of a large brown horse, near seven old stones on green grass",
    "A small wooden table stands to the right of a large brown horse, near seven old stones on green grass",
]
LETTERS = ("typos", "swapped_letters", "dropped_letters", "doubled_letters", "ocr_errors")


def corrupted(name, captions=PAIR, severity=5, seed=1):
    return TEXT_CORRUPTIONS[name].apply(captions, OPTIONS[name], severity, Random(seed))


def changed(name, seed, severity=5):
    """Pairs of a word and what became of it, where a corruption keeps the number of words."""
    made = corrupted(name, PAIR, severity, seed)[0]
    return [(old, new) for old, new in zip(PAIR[0].split(), made.split(), strict=True) if old != new]


def test_every_corruption_has_options_and_no_name_of_a_corruption_of_images():
    assert set(OPTIONS) == set(TEXT_CORRUPTIONS)
    assert not set(TEXT_CORRUPTIONS) & set(CORRUPTIONS)


@pytest.mark.parametrize("name", sorted(TEXT_CORRUPTIONS))
def test_what_captions_differ_in_is_kept_and_all_are_changed_alike(name):
    for seed in range(30):
        left, right = corrupted(name, seed=seed)
        assert left != PAIR[0]
        assert " to the left of " in left and " seven " in left
        assert left.replace(" left ", " right ") == right


@pytest.mark.parametrize("name", sorted(TEXT_CORRUPTIONS))
def test_each_severity_changes_its_share_of_words(name):
    measured = [share_changed(PAIR, corrupted(name, severity=severity)) for severity in range(1, 6)]
    assert measured == pytest.approx(OPTIONS[name].share, abs=0.06)


@pytest.mark.parametrize("name", sorted(TEXT_CORRUPTIONS))
def test_the_same_seed_gives_the_same_captions_and_another_one_others(name):
    assert corrupted(name, seed=3) == corrupted(name, seed=3)
    assert len({tuple(corrupted(name, seed=seed)) for seed in range(20)}) > 10


@pytest.mark.parametrize("name", sorted(TEXT_CORRUPTIONS))
@pytest.mark.parametrize(
    "text", ["", " ", "42", "...", "a", "dog", "\u72ac\u304c\u8d70\u308b", "caf\u00e9 \U0001f415 dog"]
)
def test_short_and_foreign_texts_are_taken_and_none_becomes_empty(name, text):
    for severity in (1, 5):
        (made,) = corrupted(name, [text], severity)
        assert bool(made.strip()) == bool(text.strip())


@pytest.mark.parametrize("name", LETTERS)
def test_a_misspelling_is_no_other_word_of_the_lexicons(name):
    made = {new.strip(",") for seed in range(50) for _, new in changed(name, seed)}
    assert len(made) > 10
    assert not made & {*object_words(), *attribute_words()}


def test_swapped_letters_keep_the_letters():
    assert all(sorted(old) == sorted(new) for seed in range(20) for old, new in changed("swapped_letters", seed))


def test_a_dropped_letter_is_one_letter_less_and_a_doubled_one_more():
    assert all(len(new) == len(old) - 1 for seed in range(20) for old, new in changed("dropped_letters", seed))
    for seed in range(20):
        for old, new in changed("doubled_letters", seed):
            assert any(new == old[: index + 1] + old[index:] for index in range(len(old)))


def test_letters_are_misread_as_similar_ones():
    found = {pair for seed in range(200) for pair in changed("ocr_errors", seed)}
    assert {("table", "tab1e"), ("brown", "brovvn"), ("horse,", "h0rse,")} <= found
    assert all(abs(len(new) - len(old)) <= 1 for old, new in found)


def test_capitals_and_punctuation_keep_the_letters():
    assert all(new == old.upper() for seed in range(20) for old, new in changed("capitals", seed))
    for seed in range(20):
        for old, new in changed("punctuation", seed):
            assert new.rstrip(",.;:!?") == old.rstrip(",") and len(new) == len(old) + 1


def test_dropped_words_leave_the_others_in_order():
    kept = iter(PAIR[0].replace(",", "").split())
    assert all(word in kept for word in corrupted("dropped_words")[0].replace(",", "").split())
    assert "  " not in corrupted("dropped_words")[0]
    assert corrupted("dropped_words", ["dog", "cat"]) == ["dog", "cat"]
    assert corrupted("dropped_words", ["dog"]) == ["dog"]
