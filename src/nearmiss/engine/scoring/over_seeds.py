"""Differences between two arms over training seeds: hierarchical bootstrap, seeds first, then clusters of images.

The unit of replication is the training seed. All seeds score the same items, so seeds and clusters are crossed: a
resample draws seeds, then clusters, which are the same for each drawn seed (Owen, Annals of Applied Statistics 2007).
Two corrections keep the level with few seeds:

- The variance over S drawn seeds is (S - 1) / S of the unbiased one, so the counts of the drawn seeds are rescaled
  (Rao and Wu, JASA 1988).
- What is particular to one seed and one cluster varies with the seeds, with the clusters, and by itself. Owen's
  resamples count it three times; two of these are subtracted. The variance is never below that over the seeds alone.

Interval and p use Student's t with Satterthwaite's degrees of freedom, S - 1 where clusters do not matter (our choice;
quantiles of the resamples are too narrow with few seeds). With one cluster this is the t-test over seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from nearmiss.base.seeding import array_rng
from nearmiss.engine.scoring.statistics import Array, by_cluster


@dataclass(frozen=True)
class Difference:
    """A difference over seeds, as a share (0.01 is one point)."""

    value: float
    by_seed: tuple[float, ...]
    error: float
    """Standard error over seeds and clusters."""
    low: float
    high: float
    p: float
    """Two-sided, of no difference; with a margin one-sided, of a difference of at most -margin. Not adjusted."""


def difference(
    gaps: Array,
    weight: Array,
    cluster: Array,
    *,
    resamples: int,
    level: float,
    names: Sequence[object],
    margin: float | None = None,
) -> Difference:
    """The mean over seeds of sum(gap) / sum(weight), with interval and p.

    Args:
        gaps: (seeds, items) paired differences times weight; two seeds or more.
        weight: (items,) weights, the same for all seeds.
        cluster: (items,) int, items of one number share images.
        names: seed of the resamples, so that every pair of arms draws the same seeds and clusters.
        margin: tests non-inferiority by this share instead of equality.
    """
    seeds = len(gaps)
    if seeds < 2:
        raise ValueError("a difference over seeds needs two seeds or more")
    (weights,) = by_cluster(cluster, weight)
    sums = np.stack([by_cluster(cluster, row)[0] for row in gaps])
    by_seed = sums.sum(axis=1) / weights.sum()
    value = float(by_seed.mean())
    of_seeds = float(by_seed.var(ddof=1)) / seeds
    drawn = float(_resampled(sums, weights, resamples, names).var(ddof=1))
    variance = max(of_seeds, drawn - 2 * _of_cells(sums, weights))
    freedom = _freedom(of_seeds, variance, seeds, len(weights))
    half = float(student.ppf((1 + level) / 2, freedom)) * variance**0.5
    tested = value if margin is None else value + margin
    if variance < _NONE:
        p = _sign_test(tested, seeds, two_sided=margin is None)
    else:
        p = float(student.sf(abs(tested) if margin is None else tested, freedom, scale=variance**0.5))
        p = 2 * p if margin is None else p
    return Difference(value, tuple(map(float, by_seed)), variance**0.5, value - half, value + half, p)


_NONE = 1e-24
"""A variance below this is rounding: a standard error of 1e-10 points."""


def _of_cells(sums: Array, weights: Array) -> float:
    """Variance of the difference by what is particular to one seed and one cluster: residuals of both means."""
    seeds = len(sums)
    gaps = sums - sums.sum() / (seeds * weights.sum()) * weights
    residuals = gaps - gaps.mean(axis=0) - gaps.mean(axis=1, keepdims=True) + gaps.mean()
    return float(np.square(residuals).sum()) / (seeds * (seeds - 1) * float(weights.sum()) ** 2)


def _freedom(of_seeds: float, variance: float, seeds: int, clusters: int) -> float:
    """Satterthwaite's degrees of freedom (1946) of a variance of which a part is estimated from the seeds."""
    if clusters < 2 or variance < _NONE:
        return seeds - 1
    parts = of_seeds**2 / (seeds - 1) + (variance - of_seeds) ** 2 / (clusters - 1)
    return max(float(min(seeds, clusters) - 1), variance**2 / parts)


def _sign_test(value: float, seeds: int, *, two_sided: bool) -> float:
    """p without any variance: the difference has one sign in every seed."""
    if two_sided:
        return min(1.0, 2.0 ** (1 - seeds)) if abs(value) > _NONE**0.5 else 1.0
    return 2.0**-seeds if value > _NONE**0.5 else 1.0


def _resampled(sums: Array, weights: Array, resamples: int, names: Sequence[object]) -> Array:
    """The difference in each resample: (resamples,), from sums (seeds, clusters) and weights (clusters,)."""
    rng = array_rng(0, "seeds and clusters", *names)
    seeds, clusters = sums.shape
    found = np.empty(resamples)
    for index in range(resamples):
        of_seeds = np.bincount(rng.integers(0, seeds, seeds), minlength=seeds)
        of_clusters = np.bincount(rng.integers(0, clusters, clusters), minlength=clusters)
        scaled = 1 + (of_seeds - 1) * np.sqrt(seeds / (seeds - 1))
        found[index] = scaled @ (sums @ of_clusters) / (seeds * (weights @ of_clusters))
    return found
