"""Differences over seeds: exact small cases, tests of a null hypothesis that keep their level, and degenerate data."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from nearmiss.engine.scoring.over_seeds import _of_cells, _resampled, difference
from nearmiss.engine.scoring.statistics import paired_intervals, sign_flip

HOW = {"resamples": 4000, "level": 0.95, "names": ["test"]}


def one_item(values, **changed):
    """Seeds that scored a single cluster: the difference of each seed."""
    gaps = np.asarray(values, dtype=float)[:, None]
    return difference(gaps, np.ones(1), np.zeros(1, dtype=int), **{**HOW, **changed})


def test_with_one_cluster_it_is_the_t_test_over_seeds():
    values = [0.05, 0.02, 0.09, -0.01, 0.04, 0.06]
    found, expected = one_item(values, resamples=40_000), ttest_1samp(values, 0)
    interval = expected.confidence_interval(0.95)
    assert found.value == pytest.approx(np.mean(values)) and found.by_seed == pytest.approx(tuple(values))
    assert found.error == pytest.approx(np.std(values, ddof=1) / np.sqrt(6), rel=0.02)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=0.001)
    assert found.p == pytest.approx(expected.pvalue, rel=0.05)


def test_two_seeds_and_two_clusters_have_the_variance_of_all_sixteen_resamples():
    gaps, weight, cluster = np.array([[0.1, 0.5, 0.2], [0.3, 0.1, 0.1]]), np.array([1.0, 2.0, 1.0]), np.array([0, 1, 1])
    sums, weights = np.array([[0.1, 0.7], [0.3, 0.2]]), np.array([1.0, 3.0])
    every = []
    for seeds, drawn in product(product((0, 1), repeat=2), product((0, 1), repeat=2)):
        of_seeds, of_clusters = np.bincount(seeds, minlength=2), np.bincount(drawn, minlength=2)
        scaled = 1 + (of_seeds - 1) * np.sqrt(2)
        every.append(scaled @ (sums @ of_clusters) / (2 * (weights @ of_clusters)))
    assert _resampled(sums, weights, 40_000, ["x"]).var() == pytest.approx(np.var(every), rel=0.02)
    found = difference(gaps, weight, cluster, **HOW)
    assert found.value == pytest.approx((0.8 / 4 + 0.5 / 4) / 2) and found.by_seed == pytest.approx((0.2, 0.125))


def test_the_variance_of_cells_is_that_of_a_two_way_layout_without_replication():
    """Two seeds and two clusters of weight 1: residuals are plus and minus (a - b - c + d) / 4."""
    sums = np.array([[0.4, 0.1], [0.2, 0.5]])
    residual = (0.4 - 0.1 - 0.2 + 0.5) / 4
    assert _of_cells(sums, np.ones(2)) == pytest.approx(4 * residual**2 / (2 * 1 * 4))
    assert _of_cells(np.array([[0.1, 0.2], [0.3, 0.4]]), np.ones(2)) == pytest.approx(0)  # effects that add up


def simulated(rng, seeds, clusters, *, effect=0.0):
    """Gaps of a model with effects of seeds, of clusters and of both together: (seeds, clusters)."""
    of_seeds, of_clusters = rng.normal(0, 0.03, (seeds, 1)), rng.normal(0, 0.1, (1, clusters))
    return effect + of_seeds + of_clusters + rng.normal(0, 0.3, (seeds, clusters))


@pytest.mark.parametrize("seeds", [5, 8])
def test_a_null_hypothesis_is_rejected_at_most_as_often_as_the_level_says(seeds):
    rng, rejected, naive, runs, clusters = np.random.default_rng(3), 0, 0, 400, 60
    weight, cluster = np.ones(clusters), np.arange(clusters)
    for number in range(runs):
        gaps = simulated(rng, seeds, clusters)
        rejected += difference(gaps, weight, cluster, resamples=300, level=0.95, names=[number]).p < 0.05
        # the planted fault: all seeds taken as one, so that only items are resampled
        low, high = paired_intervals(gaps[:1], weight, cluster, resamples=300, level=0.95, names=[number])
        naive += bool(low[0] > 0 or high[0] < 0)
    assert 0.02 < rejected / runs < 0.075  # 0.05; two standard errors of 400 simulations are 0.022
    assert naive / runs > 0.075


def test_an_effect_of_the_size_of_the_findings_is_found():
    rng, found = np.random.default_rng(4), 0
    for number in range(40):
        gaps = simulated(rng, 8, 60, effect=0.15)
        found += difference(gaps, np.ones(60), np.arange(60), resamples=300, level=0.95, names=[number]).p < 0.05
    assert found >= 38


def test_one_seed_can_be_significant_where_seeds_disagree():
    """The test over items of one seed cannot see what the test over seeds sees."""
    gaps = np.stack([np.full(200, value) for value in (0.4, -0.3, 0.1, -0.2)])
    assert sign_flip(gaps[:1], np.arange(200), flips=1000, names=["x"])[0] < 0.01
    assert difference(gaps, np.ones(200), np.arange(200), **HOW).p > 0.5


@pytest.mark.parametrize(("values", "holds"), [([-0.01, 0.0, -0.005, 0.01], True), ([-0.06, -0.01, -0.04, 0.0], False)])
def test_non_inferiority_is_that_the_interval_is_above_the_margin(values, holds):
    found = one_item(values, margin=0.03)
    assert (found.p < 0.025) == (found.low > -0.03) == holds


def test_without_any_variance_p_is_that_of_a_sign_test_over_seeds():
    assert one_item([0.1, 0.1, 0.1]).p == 0.25
    assert one_item([-0.1, -0.1, -0.1]).p == 0.25
    assert one_item([0.0, 0.0, 0.0]).p == 1.0
    assert one_item([0.0, 0.0, 0.0], margin=0.03).p == 0.125
    assert one_item([-0.1, -0.1, -0.1], margin=0.03).p == 1.0


def test_the_same_data_has_the_same_result_and_one_seed_has_none():
    gaps = simulated(np.random.default_rng(5), 3, 10)
    first, second = (difference(gaps, np.ones(10), np.arange(10), **HOW) for _ in range(2))
    assert first == second
    with pytest.raises(ValueError, match="two seeds"):
        one_item([0.1])
