"""Differences between two arms over training seeds: hierarchical bootstrap, seeds first, then clusters of images.

The unit of replication is the training seed. All seeds score the same items, so seeds and clusters are crossed: a
resample draws seeds and clusters independently, and each drawn seed has the same drawn clusters (Owen, Annals of
Applied Statistics 2007). With few seeds, the plain bootstrap is too narrow: the variance over S drawn seeds is
(S - 1) / S of the unbiased one. The weights of the drawn seeds are therefore rescaled (Rao and Wu, JASA 1988), and
interval and p use Student's t with S - 1 degrees of freedom instead of quantiles of the resamples (our choice). With
one cluster this is the t-test over seeds. Where the items vary more than the seeds, the test is conservative.
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
    error = float(_resampled(sums, weights, resamples, names).std(ddof=1))
    half = float(student.ppf((1 + level) / 2, seeds - 1)) * error
    p = _p(value if margin is None else value + margin, error, seeds, two_sided=margin is None)
    return Difference(value, tuple(map(float, by_seed)), error, value - half, value + half, p)


def _p(value: float, error: float, seeds: int, *, two_sided: bool) -> float:
    """p of a value of 0 or, one-sided, of at most 0. Without any variance it is that of a sign test over seeds."""
    if error == 0:
        tail = 2.0**-seeds if value > 0 or (two_sided and value < 0) else 1.0
    else:
        tail = float(student.sf(abs(value) if two_sided else value, seeds - 1, scale=error))
    return min(1.0, 2 * tail) if two_sided else tail


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
