"""Plausibility: how well a text reads by the captions of the training images (SugarCrepe, section 3, asks for this).

A unigram and a bigram model with add-one smoothing over the training vocabulary and one place for unknown words
(our choice; SugarCrepe uses large language models). A score is the mean log-probability of a text's words, so length
has no say.
"""

import itertools
from collections import Counter
from collections.abc import Iterable
from math import log

from nearmiss.engine.scoring.blind.words import words

_START = "\n"


def unigram(texts: Iterable[str], training: Iterable[str]) -> dict[str, float]:
    """Mean log-probability of each text's words by their frequency in `training`."""
    counts = Counter(word for text in training for word in words(text))
    total, size = counts.total(), len(counts) + 1
    return {text: _mean([log((counts[word] + 1) / (total + size)) for word in words(text)]) for text in texts}


def bigram(texts: Iterable[str], training: Iterable[str]) -> dict[str, float]:
    """Mean log-probability of each text's words given the word before, by `training`."""
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


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
