"""Intervals and tests respect that items share images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmiss.engine.scoring import statistics


def test_items_linked_through_an_image_are_one_cluster():
    assert statistics.clusters([["a"], ["b", "c"], ["d"], ["c", "d"], ["a"]]).tolist() == [0, 1, 1, 1, 0]


@settings(max_examples=50)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=3), min_size=1, max_size=12))
def test_items_that_share_an_image_stay_in_one_cluster(images):
    found = statistics.clusters(images)
    for one, first in zip(found, images, strict=True):
        for other, second in zip(found, images, strict=True):
            assert not set(first) & set(second) or one == other


def test_the_interval_has_its_nominal_coverage():
    draws = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        value = (draws.random(150) < 0.7).astype(float)
        low, high = statistics.interval(
            value, np.ones(150), np.arange(150), resamples=300, level=0.9, names=["coverage", trial]
        )
        covered += low <= 0.7 <= high
    assert 165 <= covered <= 195


def test_copies_of_an_item_do_not_narrow_the_interval():
    value = (np.random.default_rng(0).random(60) < 0.7).astype(float)
    weight = np.ones(60)
    single = statistics.interval(value, weight, np.arange(60), resamples=1000, level=0.95, names=["a"])
    five = np.repeat(value, 5)
    clustered = statistics.interval(
        five, np.ones(300), np.repeat(np.arange(60), 5), resamples=1000, level=0.95, names=["a"]
    )
    naive = statistics.interval(five, np.ones(300), np.arange(300), resamples=1000, level=0.95, names=["a"])
    assert clustered == pytest.approx(single)
    assert naive[1] - naive[0] < 0.6 * (clustered[1] - clustered[0])


def test_a_perfect_score_has_an_interval():
    low, high = statistics.interval(np.ones(20), np.ones(20), np.arange(20), resamples=100, level=0.95, names=["x"])
    assert high == 1
    assert low == pytest.approx(0.025 ** (1 / 20))
    assert statistics.interval(np.zeros(20), np.ones(20), np.arange(20), resamples=100, level=0.95, names=["x"]) == (
        0,
        pytest.approx(1 - low),
    )


def test_sign_flip_detects_a_planted_difference_and_keeps_its_level():
    draws = np.random.default_rng(1)
    none = draws.choice([-1.0, 0.0, 1.0], size=(300, 100))
    planted = np.where(draws.random((1, 100)) < 0.4, 1.0, 0.0)
    p = statistics.sign_flip(np.concatenate([none, planted]), np.arange(100), flips=2000, names=["flip"])
    assert p[-1] < 0.001
    assert 0.02 <= np.mean(p[:-1] <= 0.05) <= 0.09


def test_sign_flip_treats_a_cluster_as_one():
    difference = np.repeat([1.0, 1.0, 1.0], 50)[None, :]
    p = statistics.sign_flip(difference, np.repeat([0, 1, 2], 50), flips=4000, names=["flip"])
    assert p[0] == pytest.approx(0.25, abs=0.03)


def test_no_difference_has_p_one():
    assert statistics.sign_flip(np.zeros((1, 10)), np.arange(10), flips=500, names=["flip"])[0] == 1


def test_holm_against_a_worked_example():
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.9, 0.8]) == [1.0, 1.0]
    assert statistics.holm([]) == []


def test_draws_depend_only_on_names():
    value = (np.random.default_rng(0).random(50) < 0.5).astype(float)
    arguments = {"resamples": 200, "level": 0.95}
    first = statistics.interval(value, np.ones(50), np.arange(50), names=["a"], **arguments)
    assert first == statistics.interval(value, np.ones(50), np.arange(50), names=["a"], **arguments)
    assert first != statistics.interval(value, np.ones(50), np.arange(50), names=["b"], **arguments)
