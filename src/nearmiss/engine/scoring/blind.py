"""Blind baselines: the scores of text-only methods on a benchmark.

- `blind_length`: the shorter caption is predicted to be true.
- `blind_unigram`, `blind_bigram`: the mean log-probability of a caption's words under the captions of training images,
  with add-one smoothing (SugarCrepe, section 3, proposes a plausibility baseline; the models are our choice).
- `blind_lexical`: log-odds of words and word pairs between true and false captions of the benchmark, by
  cross-validation over clusters of items that share images: naive Bayes with add-one smoothing (our choice).
- `blind_constant`: retrieval and classification; the best ranking that ignores the query.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from math import log

import numpy as np
import polars as pl

from nearmiss.base.seeding import derive
from nearmiss.engine.benchmarks.benchmark import (
    Benchmark,
    ClassificationBenchmark,
    ItemBenchmark,
    RetrievalBenchmark,
)
from nearmiss.engine.scoring import classes, decisions, ranking
from nearmiss.engine.scoring.decisions import text_only
from nearmiss.engine.scoring.statistics import clusters

NAMES = ("blind_length", "blind_unigram", "blind_bigram", "blind_lexical", "blind_constant")
_FOLDS = 5
_WORD = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*(?:'[a-z]+)?")
_START = "\n"


def baselines(benchmark: Benchmark, training: Iterable[str]) -> dict[str, pl.DataFrame]:
    """Outcomes of each baseline. `training` are captions of training images; without any there are no n-gram models."""
    if isinstance(benchmark, RetrievalBenchmark):
        return {"blind_constant": constant_ranking(benchmark)}
    if isinstance(benchmark, ClassificationBenchmark):
        return {"blind_constant": most_frequent_class(benchmark)}
    return {
        name: decisions.outcomes(benchmark, similarity)
        for name, similarity in of_items(benchmark, list(training)).items()
    }


def of_items(benchmark: ItemBenchmark, training: Sequence[str]) -> dict[str, pl.DataFrame]:
    """item_id and similarity (images x captions, equal rows) of each item by each baseline."""
    items = benchmark.items
    texts = sorted(set(items["captions"].explode()))
    by_text = {"blind_length": length(texts)}
    if training:
        by_text |= {"blind_unigram": unigram(texts, training), "blind_bigram": bigram(texts, training)}
    by = ("concept", "operator") if benchmark.measurement.single_decisions else ("subset",)
    return {name: text_only(items, scores) for name, scores in by_text.items()} | {"blind_lexical": lexical(items, by)}


def words(text: str) -> list[str]:
    """Lower-case words of a text, without punctuation."""
    return _WORD.findall(text.lower())


def length(texts: Iterable[str]) -> dict[str, float]:
    """Minus the number of words of each text."""
    return {text: -float(len(words(text))) for text in texts}


def unigram(texts: Iterable[str], training: Iterable[str]) -> dict[str, float]:
    """Mean log-probability of each text's words by their frequency in `training`."""
    counts = Counter(word for text in training for word in words(text))
    total, size = counts.total(), len(counts) + 1
    return {text: _mean([log((counts[word] + 1) / (total + size)) for word in words(text)]) for text in texts}


def bigram(texts: Iterable[str], training: Iterable[str]) -> dict[str, float]:
    """Mean log-probability of each text's words given the previous word, by `training`."""
    before: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    vocabulary: set[str] = set()
    for text in training:
        sequence = [_START, *words(text), _START]
        vocabulary.update(sequence)
        before.update(sequence[:-1])
        pairs.update(itertools.pairwise(sequence))
    size = len(vocabulary) + 1

    def score(text: str) -> float:
        sequence = [_START, *words(text), _START]
        return _mean([log((pairs[a, b] + 1) / (before[a] + size)) for a, b in itertools.pairwise(sequence)])

    return {text: score(text) for text in texts}


def lexical(items: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """item_id and similarity of each item of table `items`.

    The captions of an item are scored by the log-odds of the other folds' items with the same values of columns `by`.
    """
    items = items.sort("item_id")
    fold = [derive(0, "blind fold", number) % _FOLDS for number in clusters(items["images"]).tolist()]
    rows = items.with_columns(fold=pl.Series(fold))
    parts = []
    for _, group in rows.group_by(by, maintain_order=True):
        for number in range(_FOLDS):
            known, held_out = group.filter(pl.col("fold") != number), group.filter(pl.col("fold") == number)
            if not held_out.is_empty():
                odds = log_odds(known["captions"].to_list(), known["truth"].to_list())
                parts.append(text_only(held_out, scores_by(odds, held_out["captions"].explode())))
    return pl.concat(parts).sort("item_id")


def trained(items: pl.DataFrame, negatives: pl.DataFrame) -> pl.DataFrame:
    """item_id and similarity of each item by the log-odds of table `negatives`, without images."""
    pairs = [[positive, negative] for positive, negative in negatives.select("positive", "negative").iter_rows()]
    odds = log_odds(pairs, [[[True, False]]] * len(pairs))
    return text_only(items, scores_by(odds, items["captions"].explode()))


def scores_by(odds: dict[str, float], texts: Iterable[str]) -> dict[str, float]:
    """The sum of the log-odds of each text's features."""
    return {text: sum(odds.get(feature, 0.0) for feature in _features(text)) for text in sorted(set(texts))}


def log_odds(captions: Sequence[Sequence[str]], truths: Sequence[Sequence[Sequence[bool]]]) -> dict[str, float]:
    """Log-odds of each word and word pair between captions that are true and captions that are false."""
    counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    texts = Counter[bool]()
    for item, truth in zip(captions, truths, strict=True):
        for row in truth:
            for text, true in zip(item, row, strict=True):
                counts[true].update(_features(text))
                texts[true] += 1
    features = sorted(set(counts[True]) | set(counts[False]))
    return {
        feature: log((counts[True][feature] + 1) / (texts[True] + 2))
        - log((counts[False][feature] + 1) / (texts[False] + 2))
        for feature in features
    }


def constant_ranking(benchmark: RetrievalBenchmark) -> pl.DataFrame:
    """Outcomes of the best constant ranking: the results that are relevant most often are first, for every query.

    It uses the labels, so for k = 1 no ranking that ignores the query is better.
    """
    equal = np.zeros(benchmark.right.shape)
    by_image = ranking.recalls(benchmark, equal + _spread(benchmark.right.sum(axis=1))[:, None])
    by_text = ranking.recalls(benchmark, equal + _spread(benchmark.right.sum(axis=0))[None, :])
    return pl.concat(
        [
            by_text.filter(pl.col("subset") == "image_to_text"),
            by_image.filter(pl.col("subset") == "text_to_image"),
        ]
    )


def most_frequent_class(benchmark: ClassificationBenchmark) -> pl.DataFrame:
    """Outcomes of always predicting the most frequent class of a task."""
    similarity = [
        np.repeat(_spread(np.bincount(task.labels, minlength=len(task.classes)))[None, :], len(task.images), axis=0)
        for task in benchmark.tasks
    ]
    return classes.ranks(benchmark, similarity)


@cache
def _features(text: str) -> tuple[str, ...]:
    sequence = ["^", *words(text), "$"]
    return tuple(sorted({*sequence[1:-1], *(f"{a} {b}" for a, b in itertools.pairwise(sequence))}))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _spread(counts: np.ndarray) -> np.ndarray:
    """Unique scores in the order of `counts`; ties are broken by position."""
    order = np.lexsort((np.arange(len(counts)), -counts))
    scores = np.empty(len(counts))
    scores[order] = np.arange(len(counts), 0, -1)
    return scores
