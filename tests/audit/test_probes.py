"""Each probe finds the fault that was planted for it, and nothing where there is nothing."""

from pathlib import Path

import numpy as np
import planted
import polars as pl
import pytest

from nearmiss.base.seeding import array_rng
from nearmiss.engine.audit.folds import SCHEMES, by_edit, by_image
from nearmiss.engine.audit.measure import measured
from nearmiss.engine.audit.ngram import Trigrams
from nearmiss.engine.audit.one_sided_words import one_sided_words
from nearmiss.engine.audit.pairs import Pairs, load, swapped
from nearmiss.engine.audit.probe import Corpus, directed
from nearmiss.engine.audit.registry import PROBES, UNSEEN

BY_NAME = {probe.name: probe for probe in (*PROBES, UNSEEN)}
BAGS = ("length", "word_frequency", "words")


def pairs(frame: pl.DataFrame) -> Pairs:
    return load(frame, file=Path("toy")).pairs


def accuracy(of: Pairs, probe: str, scheme: str = "image", corpus: Corpus | None = None) -> float:
    return float(BY_NAME[probe].outcomes(of, SCHEMES[scheme](of, 0), corpus or Corpus()).mean())


def test_longer_negatives_are_found_by_length():
    assert accuracy(pairs(planted.drawn(300, planted.longer)), "length") == 1.0


def test_shorter_negatives_are_found_as_well():
    turned = planted.drawn(300, planted.longer).rename({"positive": "negative", "negative": "positive"})
    assert accuracy(pairs(turned), "length") == 1.0


@pytest.mark.parametrize("probe", BAGS)
def test_bags_are_at_chance_on_exchanged_words(probe):
    assert accuracy(pairs(planted.drawn(300, planted.exchanged)), probe) == 0.5


def test_a_one_sided_word_is_found_by_the_classifier_and_named():
    def make(rng: np.random.Generator) -> tuple[str, str]:
        positive, negative = planted.replaced(rng)
        return positive, negative.replace("near", "beside") if rng.random() < 0.8 else negative

    found = pairs(planted.drawn(300, make))
    assert accuracy(found, "classifier") > 0.85
    assert accuracy(found, "length") == 0.5
    assert {row["word"] for row in one_sided_words(found)["planted"][:2]} == {"near", "beside"}


def test_an_edit_that_moves_is_found_by_edit_position():
    def make(rng: np.random.Generator) -> tuple[str, str]:
        a, b = rng.choice(planted.ANIMALS, 2)
        return f"{a} x x x x {b}".replace(" x x", " x o o", 1), f"{a} x x x x {b}"

    assert accuracy(pairs(planted.drawn(100, make)), "edit_position") > 0.95
    assert accuracy(pairs(planted.drawn(100, planted.replaced)), "edit_position") == 0.5


def test_rarer_words_are_found_by_frequency():
    def make(rng: np.random.Generator) -> tuple[str, str]:
        return f"a {rng.choice(planted.ANIMALS)} on a road", f"a {rng.choice(planted.COLORS)}ish on a road"

    assert accuracy(pairs(planted.drawn(300, make)), "word_frequency") == 1.0


def test_an_unusual_order_is_found_by_the_language_model():
    def make(rng: np.random.Generator) -> tuple[str, str]:
        a, b, c = rng.choice(planted.COLORS), rng.choice(planted.ANIMALS), rng.choice(planted.PLACES)
        return f"a {a} {b} on the {c}", f"a {b} {a} on {c} the"

    found = pairs(planted.drawn(300, make))
    assert accuracy(found, "ngram") == 1.0
    corpus = Corpus.without([f"a {a} {b} on the hill" for a in planted.COLORS for b in planted.ANIMALS], found)
    assert accuracy(found, "ngram", corpus=corpus) > 0.95


def test_typography_is_found_only_by_the_form_probe():
    def make(rng: np.random.Generator) -> tuple[str, str]:
        positive, negative = planted.replaced(rng)
        return f"{positive.capitalize()}.", f"{negative} ."

    found = pairs(planted.drawn(200, make))
    assert accuracy(found, "form") == 1.0
    assert accuracy(found, "classifier") < 0.6


@pytest.mark.parametrize("make", [planted.longer, planted.lopsided])
def test_shuffled_labels_give_chance(make):
    found = pairs(planted.drawn(600, make))
    coin = swapped(found, array_rng(0, "coin").random(len(found)) < 0.5)
    rows = measured(coin, (*PROBES, UNSEEN), Corpus(), name="given", seed=0)
    assert not rows.filter((pl.col("low") > 0.5) & (pl.col("accuracy") > 0.56)).height
    assert measured(found, PROBES, Corpus(), name="given", seed=0)["accuracy"].max() > 0.6


def test_the_direction_is_chosen_on_other_data():
    # Alone in its fold, a pair of the other direction cannot turn the choice that is made about it.
    gap = np.asarray([1.0, 1.0, 1.0, -1.0, 0.0])
    folds = [(np.delete(np.arange(5), i), np.asarray([i])) for i in range(5)]
    assert directed(gap, folds).tolist() == [1, 1, 1, 0, 0.5]
    # With equally many of each, the held-out pair shifts the others against itself: no credit for seeing it.
    assert directed(
        np.asarray([1.0, -1.0]), [(np.asarray([1]), np.asarray([0])), (np.asarray([0]), np.asarray([1]))]
    ).tolist() == [0, 0]


def test_folds_share_no_image_and_no_edit():
    found = pairs(planted.drawn(300, planted.lopsided))
    for learnt, held_out in [*by_image(found, 0), *by_edit(found, 0)]:
        assert not {found.image[i] for i in learnt} & {found.image[i] for i in held_out}
    seen = []
    for learnt, held_out in by_edit(found, 0):
        edits = [{key for i in side for key in found.exchanges[i]} for side in (learnt, held_out)]
        assert not edits[0] & edits[1]
        seen += held_out.tolist()
    assert sorted(seen) == list(range(len(found)))
    # the plain folds do share edits: the second scheme is not the first
    assert any(
        {k for i in a for k in found.exchanges[i]} & {k for i in b for k in found.exchanges[i]}
        for a, b in by_image(found, 0)
    )


def test_the_edit_scheme_excludes_knowledge_of_single_edits():
    # Of each two words one is always the true one, which reveals nothing about any other two.
    def make(rng: np.random.Generator) -> tuple[str, str]:
        two = rng.integers(60)
        return f"a w{'abc'[two % 3]}x{chr(97 + two // 3)} here", f"a v{'abc'[two % 3]}x{chr(97 + two // 3)} here"

    found = pairs(planted.drawn(600, make))
    assert accuracy(found, "words") > 0.95
    assert accuracy(found, "words", "edit") == 0.5


def test_an_edit_is_the_same_in_both_directions():
    one, other = pairs(planted.frame([("a red dog", "a blue dog"), ("A Blue cat.", "A red cat.")])).exchanges
    assert one == other == ("blue <> red",)


def test_probabilities_of_the_language_model_sum_to_one():
    model = Trigrams([("a", "b", "a"), ("b", "a", "b", "a", "c"), ("a", "a"), ("c",)])
    words = np.arange(model.size)
    for first in range(model.size):
        for second in range(model.size):
            whole = model.probability(np.full(len(words), first), np.full(len(words), second), words)
            assert whole.min() > 0
            assert whole.sum() == pytest.approx(1)
