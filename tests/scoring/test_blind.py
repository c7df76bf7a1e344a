"""Blind baselines find a give-away that is planted, and nothing where words are balanced."""

import polars as pl
import pytest

from nearmiss.base.tables import table
from nearmiss.engine.benchmarks.benchmark import Coverage, ItemBenchmark
from nearmiss.engine.benchmarks.world import CARD
from nearmiss.engine.scoring.blind import baselines

TRAINING = ["a red cube on the left", "a blue ball on the right", "a red ball above a blue cube"] * 20


def items(pairs):
    rows = [
        {
            "item_id": f"i{number:04d}",
            "benchmark": "world",
            "subset": "1x2",
            "concept": "color",
            "operator": "replace",
            "template_id": None,
            "condition": "iid",
            "images": [f"p{number}"],
            "captions": [true, false],
            "truth": [[True, False]],
            "crop": None,
        }
        for number, (true, false) in enumerate(pairs)
    ]
    return ItemBenchmark(
        CARD, CARD.measurement, table("items", rows).with_columns(stratum=pl.col("subset")), Coverage()
    )


def accuracy(frame):
    rows = frame.filter(pl.col("subset") == "1x2", pl.col("metric") == "accuracy")
    return rows["value"].sum() / rows["weight"].sum()


def found(pairs):
    return {name: accuracy(frame) for name, frame in baselines(items(pairs), TRAINING).items()}


def test_balanced_words_leave_text_only_baselines_at_chance():
    pair = ("a red cube on the left", "a blue cube on the left")
    figures = found([pair, pair[::-1]] * 60)
    assert figures["blind_unigram"] == pytest.approx(0.5)
    assert figures["blind_bigram"] == pytest.approx(0.5)
    assert figures["blind_length"] == pytest.approx(0.5)
    assert figures["blind_lexical"] == pytest.approx(0.5, abs=0.12)


def test_longer_false_captions_are_found():
    assert found([("a red cube", "a red cube on the left")] * 20)["blind_length"] == 1


def test_implausible_false_captions_are_found():
    figures = found([("a red cube on the left", "a cube red left the on")] * 20)
    assert figures["blind_bigram"] == 1
    assert figures["blind_unigram"] == pytest.approx(0.5)


def test_a_word_that_only_false_captions_have_is_found():
    pairs = [("a red cube", "a zany cube"), ("a blue ball", "a zany ball")] * 20
    assert found(pairs)["blind_lexical"] == 1


def test_without_training_captions_there_are_no_plausibility_models():
    assert set(baselines(items([("a red cube", "a blue cube")] * 5), [])) == {"blind_length", "blind_lexical"}
