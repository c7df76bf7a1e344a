"""Words that give an answer away: log-odds of words and word pairs between true and false captions.

The three other baselines know nothing of the benchmark. This one is learnt on the benchmark's own captions, by
cross-validation over clusters of items that share images, and so finds any word that stands in true captions more
often than in false ones. Naive Bayes with add-one smoothing (our choice).
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from functools import cache
from math import log

import polars as pl

from nearmiss.base.seeding import derive
from nearmiss.engine.scoring.answers import text_only
from nearmiss.engine.scoring.blind.words import words
from nearmiss.engine.scoring.statistics import clusters

FOLDS = 5


def similarity(items: pl.DataFrame) -> pl.DataFrame:
    """item_id and similarity (images x captions, equal rows) of each item of table `items`.

    The captions of an item are scored by the log-odds of the other folds' items with the same concept and operator.
    """
    items = items.sort("item_id")
    fold = [derive(0, "blind fold", number) % FOLDS for number in clusters(items["images"].to_list()).tolist()]
    rows = items.with_columns(fold=pl.Series(fold))
    parts = []
    for _, group in rows.group_by("concept", "operator", maintain_order=True):
        for number in range(FOLDS):
            known, asked = group.filter(pl.col("fold") != number), group.filter(pl.col("fold") == number)
            if asked.is_empty():
                continue
            odds = _log_odds(known["captions"].to_list(), known["truth"].to_list())
            texts = sorted(set(asked["captions"].explode()))
            scores = {text: sum(odds.get(feature, 0.0) for feature in _features(text)) for text in texts}
            parts.append(text_only(asked, scores))
    return pl.concat(parts).sort("item_id")


@cache
def _features(text: str) -> tuple[str, ...]:
    sequence = ["^", *words(text), "$"]
    return tuple(sorted({*sequence[1:-1], *(f"{a} {b}" for a, b in itertools.pairwise(sequence))}))


def _log_odds(captions: Sequence[Sequence[str]], truths: Sequence[Sequence[Sequence[bool]]]) -> dict[str, float]:
    """Log-odds of each feature between captions that are true and captions that are false of an item's images."""
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
