"""Retrieval outcomes: Recall@k in both directions, from one matrix of similarities.

A query is right at k if a right answer stands among the first k. Everything that is not right and within the margin of
the best right answer stands before it, so a model that gives every pair one score finds nothing.
"""

from collections.abc import Sequence
from math import comb

import numpy as np
import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks.retrieval import Retrieval
from nearmiss.engine.scoring.answers import NESTED
from nearmiss.engine.scoring.outcomes import ENDPOINT, MARGIN, ordered

_CHUNK = 512  # queries at a time, so that a gallery of tens of thousands of captions fits in memory


def outcomes(retrieval: Retrieval, similarity: np.ndarray, recall_at: Sequence[int]) -> pl.DataFrame:
    """Outcomes of retrieval for `similarity` (I, C); both directions, right and exact answers, each k."""
    image_cluster = np.arange(len(retrieval.image_ids))
    caption_cluster = retrieval.own.argmax(axis=0)
    parts = []
    for prefix, right in (("recall", retrieval.right), ("exact_recall", retrieval.own)):
        for subset, scores, truth, cluster, names in (
            ("text_to_image", similarity.T, right.T, caption_cluster, retrieval.caption_ids),
            ("image_to_text", similarity, right, image_cluster, retrieval.image_ids),
        ):
            asked: np.ndarray = np.any(truth, axis=1)
            better, tied = _wrong_before(scores[asked], truth[asked])
            for k in recall_at:
                parts.append(
                    pl.DataFrame(
                        {
                            "benchmark": "retrieval",
                            "subset": subset,
                            "concept": pl.Series([None] * int(asked.sum()), dtype=pl.String),
                            "operator": pl.Series([None] * int(asked.sum()), dtype=pl.String),
                            "condition": "iid",
                            "task": pl.Series([None] * int(asked.sum()), dtype=pl.String),
                            "metric": f"{prefix}@{k}",
                            "question": [name for name, ask in zip(names, asked, strict=True) if ask],
                            "cluster": cluster[asked],
                            "value": (better + tied < k).astype(np.float64),
                            "weight": 1.0,
                            # a tie is one that decides: without it the answer would have been found
                            "ties": ((better < k) & (better + tied >= k)).astype(np.int64),
                            "chance": _chance(truth[asked], k),
                        }
                    ).select(*ENDPOINT, "question", "cluster", "value", "weight", "ties", "chance")
                )
    return ordered(parts)


def as_rows(retrieval: Retrieval, similarity: np.ndarray) -> pl.DataFrame:
    """The matrix as rows of table `scores`: one an image, 1 x captions."""
    ids = [f"retrieval/{image_id}" for image_id in retrieval.image_ids]
    return pl.DataFrame({"item_id": ids, "similarity": pl.Series([[row] for row in similarity.tolist()], dtype=NESTED)})


def from_rows(retrieval: Retrieval, rows: pl.DataFrame) -> np.ndarray:
    """The matrix (I, C) from what `as_rows` gave. Raises InputError where an image has no row."""
    known = dict(
        rows.filter(pl.col("item_id").str.starts_with("retrieval/")).select("item_id", "similarity").iter_rows()
    )
    missing = [image_id for image_id in retrieval.image_ids if f"retrieval/{image_id}" not in known]
    if missing:
        raise InputError("a retrieval image has no scores", record=missing[0], remedy="evaluate the checkpoint again")
    return np.asarray([known[f"retrieval/{image_id}"][0] for image_id in retrieval.image_ids], dtype=np.float32)


def _wrong_before(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each query: how many wrong answers score above the best right one, and how many within the margin of it."""
    better, tied = (np.empty(len(scores), dtype=np.int64) for _ in range(2))
    for start in range(0, len(scores), _CHUNK):
        part = slice(start, start + _CHUNK)
        best = np.where(truth[part], scores[part], -np.inf).max(axis=1, keepdims=True)
        gap = np.where(truth[part], -np.inf, scores[part] - best)
        better[part], tied[part] = (gap > MARGIN).sum(axis=1), (np.abs(gap) <= MARGIN).sum(axis=1)
    return better, tied


def _chance(truth: np.ndarray, k: int) -> np.ndarray:
    """Probability that k answers drawn at random hold a right one: (queries,)."""
    count = truth.shape[1]
    right = truth.sum(axis=1)
    missed = {
        number: comb(count - number, min(k, count)) / comb(count, min(k, count)) for number in set(right.tolist())
    }
    return np.array([1 - missed[number] for number in right.tolist()])
