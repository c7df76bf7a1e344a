"""What arms trained on, per image of a batch, and the statement whether they are matched."""

from pathlib import Path

import pytest

from nearmiss.stages.compare.exposure import exposure_text, exposures
from nearmiss.stages.compare.runs import Runs, Training


def runs(**negatives):
    """Trainings of two seeds with these negatives per image."""
    arms = list(negatives)
    trainings = [
        Training(arm, seed, Path(arm), [], {"images": 100, "negatives": 100 * count, "texts": 300}, {})
        for arm, count in negatives.items()
        for seed in (0, 1)
    ]
    return Runs([], trainings, arms, [0, 1])


@pytest.mark.parametrize(
    ("negatives", "expected"),
    [
        ({"clip": 0, "keyword": 3.8, "hnc": 2.0}, "keyword 3.80, hnc 2.00. Not matched: differences"),
        ({"clip": 0, "keyword": 0.67, "hnc": 0.67}, "keyword 0.67, hnc 0.67. Matched: these arms have equally many."),
        ({"clip": 0, "keyword": 3.8}, ""),
    ],
)
def test_arms_with_different_numbers_of_negatives_are_unmatched(negatives, expected):
    found = exposure_text(runs(**negatives))
    assert expected in found and bool(found) == bool(expected)


def test_exposure_counts_equal_those_of_training():
    found = exposures(runs(clip=0, hnc=2.0))
    assert (found["hnc"].negatives, found["hnc"].texts) == (2.0, 3.0)
    assert found["clip"].negatives == 0
    without = Runs([], [Training("old", 0, Path("old"), [], {"images": 5}, {})], ["old"], [0])
    assert exposures(without)["old"].negatives is None and exposure_text(without) == ""
