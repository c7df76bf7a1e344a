"""Probes of one number each: length, position of the edit, word frequency.

A gap is the number of the positive minus that of the negative, (n,) for n pairs.
"""

import numpy as np

from nearmiss.engine.audit.folds import Fold
from nearmiss.engine.audit.pairs import Array, Pairs, Words
from nearmiss.engine.audit.probe import Corpus, texts_to_learn
from nearmiss.engine.scoring.blind import unigram


def length(pairs: Pairs, folds: list[Fold], corpus: Corpus) -> Array:
    """Length in tokens, punctuation included."""
    return np.asarray([len(one) - len(other) for one, other in pairs.tokens], dtype=np.float64)


def edit_position(pairs: Pairs, folds: list[Fold], corpus: Corpus) -> Array:
    """Position of the edit, from 0 to 1: the middle of the span from the first to the last changed token, as a share
    of the text's length in tokens. Edits of equal length at equal positions are ties.
    """
    return np.asarray([_position(one, other) - _position(other, one) for one, other in pairs.tokens])


def word_frequency(pairs: Pairs, folds: list[Fold], corpus: Corpus) -> Array:
    """Mean log-frequency of the words, counted on the positives of the other folds, or on a corpus if one is given."""
    found = np.zeros(len(pairs))
    for train, test in folds:
        texts = [text for i in test.tolist() for text in (pairs.positive[i], pairs.negative[i])]
        scores = unigram(set(texts), texts_to_learn(pairs, train, corpus))
        found[test] = [scores[one] - scores[other] for one, other in zip(texts[::2], texts[1::2], strict=True)]
    return found


def _position(words: Words, other: Words) -> float:
    most = min(len(words), len(other))
    head = next((i for i in range(most) if words[i] != other[i]), most)
    tail = next((i for i in range(most - head) if words[-1 - i] != other[-1 - i]), most - head)
    return (head + len(words) - tail) / (2 * len(words)) if words else 0.0
