"""All blind baselines on one benchmark, each scored by the same code as a model."""

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from nearmiss.engine.benchmarks.retrieval import Retrieval
from nearmiss.engine.scoring import classes, decisions, ranking
from nearmiss.engine.scoring.answers import text_only
from nearmiss.engine.scoring.blind import length, lexical, plausibility

NAMES = ("blind_length", "blind_unigram", "blind_bigram", "blind_lexical", "blind_constant")


def of_items(items: pl.DataFrame, training: Iterable[str]) -> dict[str, pl.DataFrame]:
    """Outcomes of each text-only baseline on table `items`; `training` are captions of training images."""
    texts = sorted(set(items["captions"].explode()))
    known = list(training)
    by_text = {
        "blind_length": length.scores(texts),
        "blind_unigram": plausibility.unigram(texts, known),
        "blind_bigram": plausibility.bigram(texts, known),
    }
    similarity = {name: text_only(items, scores) for name, scores in by_text.items()}
    similarity["blind_lexical"] = lexical.similarity(items)
    return {name: decisions.outcomes(items, scored) for name, scored in similarity.items()}


def of_retrieval(retrieval: Retrieval, recall_at: Sequence[int]) -> pl.DataFrame:
    """Outcomes of the best constant ranking: what is right most often stands first, whatever the query.

    It knows the answers, so for k = 1 nothing that ignores the query does better.
    """
    best = np.zeros(retrieval.right.shape)
    by_image = ranking.outcomes(retrieval, best + _spread(retrieval.right.sum(axis=1))[:, None], recall_at)
    by_text = ranking.outcomes(retrieval, best + _spread(retrieval.right.sum(axis=0))[None, :], recall_at)
    return pl.concat(
        [
            by_text.filter(pl.col("subset") == "image_to_text"),
            by_image.filter(pl.col("subset") == "text_to_image"),
        ]
    )


def of_classification(frame: pl.DataFrame) -> pl.DataFrame:
    """Outcomes of always answering the most frequent class of a task."""
    similarity: list[list[float]] = []
    for _, rows in frame.group_by("task", maintain_order=True):
        counts = np.bincount(rows["label"].to_numpy(), minlength=len(rows["classes"][0]))
        similarity += [_spread(counts).tolist()] * rows.height
    return classes.outcomes(frame, similarity)


def _spread(counts: np.ndarray) -> np.ndarray:
    """Scores in the order of `counts`, no two equal: the first of equals first."""
    order = np.lexsort((np.arange(len(counts)), -counts))
    scores = np.empty(len(counts))
    scores[order] = np.arange(len(counts), 0, -1)
    return scores
