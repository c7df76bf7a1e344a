"""Retrieval benchmarks: Recall@k in both directions, from one matrix of similarities.

A query counts at k if a relevant result ranks among the first k. A result that is not relevant and within the margin of
the best relevant one ranks before it, so a model with equal similarities of all pairs scores 0.
"""

from math import comb

import numpy as np
import polars as pl

from nearmiss.engine.benchmarks.benchmark import RetrievalBenchmark
from nearmiss.engine.benchmarks.spec import MARGIN
from nearmiss.engine.scoring.embeddings import Embeddings
from nearmiss.engine.scoring.endpoints import OUTCOMES

_CHUNK = 512  # queries per chunk, so that a gallery of tens of thousands of captions fits in memory


def outcomes(benchmark: RetrievalBenchmark, embeddings: Embeddings) -> pl.DataFrame:
    """Outcomes over the images that exist: others are not in the gallery, and their captions are not queries."""
    existing = np.array([image in embeddings.view_rows for image in benchmark.images], dtype=bool)
    queried = benchmark.own[existing].any(axis=0)
    if not existing.any():
        return pl.DataFrame(schema=OUTCOMES)
    images = [image for image, exists in zip(benchmark.images, existing, strict=True) if exists]
    captions = [caption for caption, exists in zip(benchmark.captions, queried, strict=True) if exists]
    return recalls(benchmark, embeddings.matrix(images, captions), existing, queried)


def recalls(
    benchmark: RetrievalBenchmark,
    similarity: np.ndarray,
    existing: np.ndarray | None = None,
    queried: np.ndarray | None = None,
) -> pl.DataFrame:
    """Outcomes for similarities (existing images, queried captions); by default all of both."""
    existing = np.ones(len(benchmark.images), dtype=bool) if existing is None else existing
    queried = np.ones(len(benchmark.captions), dtype=bool) if queried is None else queried
    part = np.ix_(existing, queried)
    own, right = benchmark.own[part], benchmark.right[part]
    images = [name for name, exists in zip(benchmark.images, existing, strict=True) if exists]
    captions = [name for name, exists in zip(benchmark.caption_ids, queried, strict=True) if exists]
    kinds = [("recall", right | own)]
    kinds += [] if benchmark.right is benchmark.own else [("exact_recall", own)]
    parts = []
    for prefix, truth in kinds:
        for subset, scores, relevant, cluster, names in (
            ("text_to_image", similarity.T, truth.T, own.argmax(axis=0), captions),
            ("image_to_text", similarity, truth, np.arange(len(images)), images),
        ):
            has_answer: np.ndarray = np.any(relevant, axis=1)
            better, tied = _wrong_before(scores[has_answer], relevant[has_answer])
            for k in benchmark.recall_at:
                parts.append(
                    pl.DataFrame(
                        {
                            "benchmark": benchmark.name,
                            "subset": subset,
                            "condition": "iid",
                            "metric": f"{prefix}@{k}",
                            "item_id": [name for name, kept in zip(names, has_answer, strict=True) if kept],
                            "cluster": cluster[has_answer],
                            "value": (better + tied < k).astype(np.float64),
                            "weight": 1.0,
                            # a tie is counted if the query would be correct without it
                            "ties": ((better < k) & (better + tied >= k)).astype(np.int64),
                            "chance": _chance(relevant[has_answer], k),
                        }
                    )
                )
    none = pl.lit(None, pl.String)
    frame = pl.concat(parts).with_columns(concept=none, operator=none, task=none)
    return frame.select(OUTCOMES.names()).cast(OUTCOMES)


def expected(benchmark: RetrievalBenchmark) -> dict[str, int]:
    """Number of queries in each direction."""
    return {"text_to_image": len(benchmark.captions), "image_to_text": len(benchmark.images)}


def _wrong_before(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each query: the number of wrong results above the best relevant one, and within the margin of it."""
    better, tied = (np.empty(len(scores), dtype=np.int64) for _ in range(2))
    for start in range(0, len(scores), _CHUNK):
        part = slice(start, start + _CHUNK)
        best = np.where(truth[part], scores[part], -np.inf).max(axis=1, keepdims=True)
        gap = np.where(truth[part], -np.inf, scores[part] - best)
        better[part], tied[part] = (gap > MARGIN).sum(axis=1), (np.abs(gap) <= MARGIN).sum(axis=1)
    return better, tied


def _chance(truth: np.ndarray, k: int) -> np.ndarray:
    """Probability that k random results contain a relevant one: (queries,)."""
    count = truth.shape[1]
    right = truth.sum(axis=1)
    missed = {
        number: comb(count - number, min(k, count)) / comb(count, min(k, count)) for number in set(right.tolist())
    }
    return np.array([1 - missed[number] for number in right.tolist()])
