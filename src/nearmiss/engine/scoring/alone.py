"""Captions judged one at a time, true or false of an image: AUROC, and accuracy at a threshold fitted elsewhere.

A cosine has no natural threshold, so none is taken for granted: it is fitted on the other folds' images, as a user with
validation items would. Source: our choice; the papers take 0.5 of a classifier's probability.
"""

import numpy as np
import polars as pl

from nearmiss.base.seeding import array_rng, derive
from nearmiss.engine.scoring.figures import LEVEL, RESAMPLES, Figure, clusters_of
from nearmiss.engine.scoring.statistics import interval

_FOLDS = 5
_FEWEST = 10  # captions of each kind below which nothing is said


def figures(groups: pl.DataFrame, asked: pl.DataFrame, items: pl.DataFrame, benchmark: str) -> list[Figure]:
    """Two figures a part. `asked` has a row for each image and caption, with `similarity` (NaN where not scored)."""
    rows = asked.join(groups.select("item", "part"), on="item").sort("item", "image", "caption")
    rows = rows.unique(["part", "look", "text"], keep="first", maintain_order=True)
    cluster = clusters_of(items["images"]).gather(rows["item"])
    rows = rows.with_columns(cluster=cluster)
    found: list[Figure] = []
    for (part,), every in rows.group_by("part", maintain_order=True):
        scored = every.filter(pl.col("similarity").is_not_nan())
        truth = scored["truth"].to_numpy()
        if min(truth.sum(), (~truth).sum()) < _FEWEST:
            continue
        similarity, of = scored["similarity"].to_numpy().astype(np.float64), scored["cluster"].to_numpy()
        counts = (scored.height, every.height)
        names = (benchmark, str(part), "auroc")
        found.append(
            Figure(
                *names, "alone", auroc(similarity, truth), *_auroc_interval(similarity, truth, of, names), 0.5, *counts
            )
        )
        right = at_fitted_threshold(similarity, truth, of)
        names = (benchmark, str(part), "accuracy")
        low, high = interval(right, np.ones(len(right)), of, resamples=RESAMPLES, level=LEVEL, names=names)
        likeliest = float(max(truth.mean(), 1 - truth.mean()))
        found.append(Figure(*names, "alone", float(right.mean()), low, high, likeliest, *counts))
    return found


def auroc(similarity: np.ndarray, truth: np.ndarray, weight: np.ndarray | None = None) -> float:
    """How likely a true caption lies above a false one, ties counting half; both drawn from all images."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, similarity, sample_weight=weight))


def at_fitted_threshold(similarity: np.ndarray, truth: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Whether each caption (n,) lies on its side of the threshold that is best on the other folds: (n,) of 0 and 1.

    Folds are of whole clusters. Of equally good thresholds the lowest is taken.
    """
    fold = np.array([derive(0, "threshold", int(each)) % _FOLDS for each in range(int(cluster.max()) + 1)])[cluster]
    right = np.zeros(len(similarity))
    for asked in range(_FOLDS):
        learnt = fold != asked
        if learnt.any():
            right[~learnt] = (similarity[~learnt] >= threshold(similarity[learnt], truth[learnt])) == truth[~learnt]
    return right


def threshold(similarity: np.ndarray, truth: np.ndarray) -> float:
    """The cut in the middle of two neighbouring similarities at which most captions are judged rightly."""
    order = np.argsort(similarity, kind="stable")
    values, true = similarity[order], truth[order]
    cuts = np.concatenate([[values[0] - 1e-6], (values[1:] + values[:-1]) / 2, [values[-1] + 1e-6]])
    right = np.concatenate([[0], np.cumsum(~true)]) + (true.sum() - np.concatenate([[0], np.cumsum(true)]))
    return float(cuts[int(right.argmax())])


def _auroc_interval(
    similarity: np.ndarray, truth: np.ndarray, cluster: np.ndarray, names: tuple[str, ...]
) -> tuple[float, float]:
    _, inverse = np.unique(cluster, return_inverse=True)
    count = int(inverse.max()) + 1
    draws = array_rng(0, "alone", *names).integers(0, count, size=(RESAMPLES // 5, count))
    found = []
    for drawn in draws:
        weight = np.bincount(drawn, minlength=count)[inverse].astype(np.float64)
        if weight[truth].any() and weight[~truth].any():
            found.append(auroc(similarity, truth, weight))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    return float(low), float(high)
