"""The cloze model fills a gap with words of the same class, those of the narrowest context first."""

from hypothesis import given
from hypothesis import strategies as st

from nearmiss.engine.text.cloze import Cloze

CORPUS = [
    [("a", "DET"), ("red", "ADJ"), ("cube", "NOUN"), ("on", "ADP"), ("grass", "NOUN")],
    [("a", "DET"), ("blue", "ADJ"), ("cube", "NOUN"), ("on", "ADP"), ("sand", "NOUN")],
    [("a", "DET"), ("blue", "ADJ"), ("ball", "NOUN"), ("on", "ADP"), ("sand", "NOUN")],
    [("the", "DET"), ("green", "ADJ"), ("ball", "NOUN"), ("rolls", "VERB")],
]


def words(place: int, word_class: str, sentence: int = 0) -> list[str]:
    text = [word for word, _ in CORPUS[sentence]]
    return [word for word, _, _ in Cloze(CORPUS, ["ADJ", "NOUN", "VERB"]).fills(text, place, word_class)]


def test_narrow_contexts_come_first():
    fills = list(Cloze(CORPUS, ["ADJ", "NOUN"]).fills(["a", "red", "cube", "on", "grass"], 1, "ADJ"))
    assert fills == [("blue", 0, 1), ("red", 0, 1), ("green", 4, 1)]


def test_fills_are_of_the_class_and_complete():
    assert set(words(1, "ADJ")) == {"red", "blue", "green"}
    assert set(words(2, "NOUN")) == {"cube", "ball", "grass", "sand"}


def test_a_class_that_was_not_counted_has_no_fills():
    assert list(Cloze(CORPUS, ["NOUN"]).fills(["the", "green", "ball", "rolls"], 3, "VERB")) == []


sentences = st.lists(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["ADJ", "NOUN"])), min_size=1, max_size=6), max_size=12
)


@given(sentences, st.randoms(use_true_random=False))
def test_the_order_of_the_corpus_does_not_matter(corpus, random):
    shuffled = list(corpus)
    random.shuffle(shuffled)
    one, other = Cloze(corpus, ["ADJ", "NOUN"]), Cloze(shuffled, ["ADJ", "NOUN"])
    for place in range(3):
        assert list(one.fills(["a", "b", "c"], place, "NOUN")) == list(other.fills(["a", "b", "c"], place, "NOUN"))


@given(sentences)
def test_each_word_comes_once_and_levels_never_go_back(corpus):
    fills = list(Cloze(corpus, ["ADJ", "NOUN"]).fills(["a", "b", "c"], 1, "NOUN"))
    found = [word for word, _, _ in fills]
    levels = [level for _, level, _ in fills]
    assert len(set(found)) == len(found)
    assert set(found) == {word for sentence in corpus for word, word_class in sentence if word_class == "NOUN"}
    assert levels == sorted(levels)
