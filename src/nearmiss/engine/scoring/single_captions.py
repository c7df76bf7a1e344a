"""Captions classified one at a time as true or false of an image: AUROC, and accuracy at a fitted threshold.

A cosine has no natural threshold, so it is fitted on the other folds' images, as with validation items. Source: our
choice; the papers use a probability of 0.5 of a classifier.
"""

import numpy as np
import polars as pl

from nearmiss.base.seeding import array_rng, derive
from nearmiss.base.tables import table
from nearmiss.engine.benchmarks.benchmark import ItemBenchmark
from nearmiss.engine.scoring.decisions import cosines, pairs
from nearmiss.engine.scoring.embeddings import Embeddings
from nearmiss.engine.scoring.metrics import NO_REFERENCES, Bootstrap, Run, empty_row
from nearmiss.engine.scoring.statistics import clusters, interval

AUROC, ACCURACY = "auroc", "accuracy"
_FOLDS = 5
_FEWEST = 10  # captions of each label below which there is no metric


def rows(benchmark: ItemBenchmark, embeddings: Embeddings, run: Run, how: Bootstrap) -> pl.DataFrame:
    """Table `metrics`: two rows per subset; every caption of an image counts once."""
    items, every = benchmark.items, pairs(benchmark.items)
    every = every.with_columns(
        subset=items["subset"].gather(every["item"]),
        cluster=pl.Series(clusters(items["images"])).gather(every["item"]),
    )
    every = every.with_columns(similarity=pl.Series(cosines(every, embeddings))).sort("item", "image", "caption")
    every = every.unique(["subset", "view", "text"], keep="first", maintain_order=True)
    made = []
    for (subset,), group in every.group_by("subset", maintain_order=True):
        scored = group.filter(pl.col("similarity").is_not_nan())
        truth = scored["truth"].to_numpy()
        if min(truth.sum(), (~truth).sum()) < _FEWEST:
            continue
        similarity, cluster = scored["similarity"].to_numpy().astype(np.float64), scored["cluster"].to_numpy()
        right = at_fitted_threshold(similarity, truth, cluster)
        names = (benchmark.name, str(subset), ACCURACY)
        bounds = interval(right, np.ones(len(right)), cluster, resamples=how.resamples, level=how.level, names=names)
        common = {"n_scored": scored.height, "n_expected": group.height}
        for metric, value, (low, high), chance in (
            (AUROC, auroc(similarity, truth), _auroc_interval(similarity, truth, cluster, str(subset), how), 0.5),
            (ACCURACY, float(right.mean()), bounds, float(max(truth.mean(), 1 - truth.mean()))),
        ):
            key = (benchmark.name, str(subset), None, None, "iid", None, metric)
            row = empty_row(key, run, NO_REFERENCES)
            made.append(row | common | {"value": value, "low": low, "high": high, "chance": chance})
    return table("metrics", made)


def auroc(similarity: np.ndarray, truth: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Probability that a true caption scores above a false one, ties counting half; both from all images."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, similarity, sample_weight=weight))


def at_fitted_threshold(similarity: np.ndarray, truth: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Whether each caption (n,) is classified correctly at the best threshold of the other folds: (n,) of 0 and 1.

    Folds consist of whole clusters. Of equally good thresholds the lowest is used.
    """
    fold = np.array([derive(0, "threshold", int(each)) % _FOLDS for each in range(int(cluster.max()) + 1)])[cluster]
    right = np.zeros(len(similarity))
    for held_out in range(_FOLDS):
        fitted = fold != held_out
        if fitted.any():
            right[~fitted] = (similarity[~fitted] >= threshold(similarity[fitted], truth[fitted])) == truth[~fitted]
    return right


def threshold(similarity: np.ndarray, truth: np.ndarray) -> float:
    """The cut midway between two neighboring similarities at which most captions are classified correctly."""
    order = np.argsort(similarity, kind="stable")
    values, true = similarity[order], truth[order]
    cuts = np.concatenate([[values[0] - 1e-6], (values[1:] + values[:-1]) / 2, [values[-1] + 1e-6]])
    right = np.concatenate([[0], np.cumsum(~true)]) + (true.sum() - np.concatenate([[0], np.cumsum(true)]))
    return float(cuts[int(right.argmax())])


def _auroc_interval(
    similarity: np.ndarray, truth: np.ndarray, cluster: np.ndarray, subset: str, how: Bootstrap
) -> tuple[float, float]:
    _, inverse = np.unique(cluster, return_inverse=True)
    count = int(inverse.max()) + 1
    draws = array_rng(0, AUROC, subset).integers(0, count, size=(max(how.resamples // 5, 20), count))
    found = []
    for drawn in draws:
        weight = np.bincount(drawn, minlength=count)[inverse].astype(np.float64)
        if weight[truth].any() and weight[~truth].any():
            found.append(auroc(similarity, truth, weight))
    tail = (1 - how.level) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    return float(low), float(high)
