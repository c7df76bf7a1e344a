"""Intervals and tests over clusters of items.

Items that share an image are not independent: they form one cluster, and so do items that are linked through others.
Every interval resamples whole clusters with replacement, every test flips whole clusters. Samples are seeded by the
endpoint's name, and sums run over clusters in a fixed order.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from nearmiss.base.seeding import array_rng

Array = np.ndarray


def clusters(images: pl.Series | Sequence[Sequence[str]]) -> Array:
    """The cluster of each item, given each item's images: (items,) int, numbered by first appearance."""
    lists = images if isinstance(images, pl.Series) else pl.Series(images, dtype=pl.List(pl.String))
    rows = np.repeat(np.arange(len(lists)), lists.list.len().to_numpy())
    columns = lists.explode().drop_nulls().rank("dense").to_numpy().astype(np.int64) - 1
    nodes = len(lists) + int(columns.max(initial=-1)) + 1
    ones = np.ones(len(rows), dtype=np.int8)
    graph = coo_matrix((ones, (rows, columns + len(lists))), shape=(nodes, nodes))
    labels = connected_components(graph, directed=False)[1][: len(lists)]
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def by_cluster(cluster: Array, *columns: Array) -> list[Array]:
    """Sums of each column over the clusters that occur, in the order of their numbers: (clusters,) float64."""
    _, inverse = np.unique(cluster, return_inverse=True)
    return [np.bincount(inverse, weights=np.asarray(column, dtype=np.float64)) for column in columns]


def interval(
    value: Array, weight: Array, cluster: Array, *, resamples: int, level: float, names: Sequence[object]
) -> tuple[float, float]:
    """Percentile bootstrap interval of sum(value) / sum(weight), clusters resampled with replacement.

    `names` are the seed, so that an endpoint resamples the same clusters for every arm. If every cluster has the same
    score of 0 or 1, the bootstrap interval would have no width; the exact binomial bound over clusters is used instead.
    """
    sums, weights = by_cluster(cluster, value, weight)
    count = len(sums)
    tail = (1 - level) / 2
    if not np.any(sums):
        return 0.0, float(1 - tail ** (1 / count))
    if np.array_equal(sums, weights):
        return float(tail ** (1 / count)), 1.0
    columns = np.stack([sums, weights], axis=1)
    estimates = np.concatenate([drawn @ columns for drawn in _resampled(count, resamples, names)])
    low, high = np.quantile(estimates[:, 0] / estimates[:, 1], [tail, 1 - tail])
    return float(low), float(high)


def paired_intervals(
    differences: Array, weight: Array, cluster: Array, *, resamples: int, level: float, names: Sequence[object]
) -> tuple[Array, Array]:
    """Percentile bootstrap intervals of sum(difference) / sum(weight) for several pairs of runs on the same items.

    `differences` (pairs, items); the result is two arrays (pairs,). All pairs use the same resampled clusters.
    """
    (weights,) = by_cluster(cluster, weight)
    sums = np.stack([by_cluster(cluster, row)[0] for row in differences], axis=1)
    drawn = _resampled(len(sums), resamples, names)
    estimates = np.concatenate([(each @ sums) / (each @ weights)[:, None] for each in drawn])
    tail = (1 - level) / 2
    low, high = np.quantile(estimates, [tail, 1 - tail], axis=0)
    return low, high


def sign_flip(differences: Array, cluster: Array, *, flips: int, names: Sequence[object]) -> Array:
    """Two-sided p of "no difference" for each row of `differences` (tests, items): (tests,).

    Under the null hypothesis each cluster's summed difference is as likely to have the other sign. The observed sum
    counts as one of the samples, so p is never 0. The tolerance of one in a million is for sums in fp32.
    """
    sums = np.stack([by_cluster(cluster, row)[0] for row in differences], axis=1).astype(np.float32)
    observed = np.abs(sums.sum(axis=0))
    rng = array_rng(0, "sign flip", *names)
    extreme = np.zeros(len(differences), dtype=np.int64)
    for start in range(0, flips, _CHUNK):
        count = min(_CHUNK, flips - start)
        bits = np.unpackbits(np.frombuffer(rng.bytes(count * len(sums) // 8 + 1), dtype=np.uint8))
        signs = bits[: count * len(sums)].reshape(count, len(sums)).astype(np.float32) * 2 - 1
        extreme += (np.abs(signs @ sums) >= observed * (1 - 1e-6)).sum(axis=0)
    return (extreme + 1) / (flips + 1)


ALPHA = 0.05
"""An adjusted p below this is significant."""


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (1979): each p adjusted for all tests of the family, in the given order."""
    order = sorted(range(len(p)), key=lambda index: (p[index], index))
    adjusted = [0.0] * len(p)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = highest
    return adjusted


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation of two equally long lists of values, -1 to 1; equal values share their mean rank.

    None if it is not defined: fewer than two values, or a list of equal values. Values are rounded to 12 digits, so
    that sums in another order have the same ties.
    """
    ranks = [_ranks(np.round(np.asarray(row, dtype=np.float64), 12)) for row in (first, second)]
    if len(first) < 2 or any(np.all(row == row[0]) for row in ranks):
        return None
    return float(np.clip(np.corrcoef(ranks)[0, 1], -1, 1))


def _ranks(values: Array) -> Array:
    """Ranks from 1; equal values have their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse])


_CHUNK = 4096
_BLOCK = 50  # resamples that are counted at the same time


def _resampled(count: int, resamples: int, names: Sequence[object]) -> Iterator[Array]:
    """How often each of `count` clusters is drawn, a few resamples at a time: (some, count) float64."""
    rng = array_rng(0, "bootstrap", *names)
    for start in range(0, resamples, _BLOCK):
        rows = min(_BLOCK, resamples - start)
        draws = rng.integers(0, count, size=(rows, count)) + np.arange(0, rows * count, count)[:, None]
        yield np.bincount(draws.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)
