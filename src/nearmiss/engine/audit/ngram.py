"""An n-gram language model: is the true caption more probable? Interpolated Kneser-Ney trigrams.

Chen and Goodman (1999), section 2.7, with one discount of 0.75 for all orders (our choice); words that occur once in
training and unknown words are one word. A text's score is the mean log-probability of its tokens, so that length has
no direct effect. Counted on the positives of other folds, or on a corpus where one is given.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from nearmiss.engine.audit.folds import Fold
from nearmiss.engine.audit.pairs import Array, Pairs, Words
from nearmiss.engine.audit.probe import Corpus, tokens_to_learn

_DISCOUNT = 0.75
_START, _END, _UNKNOWN = 0, 1, 2


def gap(pairs: Pairs, folds: list[Fold], corpus: Corpus) -> Array:
    """Mean log-probability of the positive's tokens minus that of the negative's: (n,)."""
    found = np.zeros(len(pairs))
    model = Trigrams(corpus.tokens) if corpus.texts else None
    for train, test in folds:
        fitted = model or Trigrams(tokens_to_learn(pairs, train, corpus))
        sides = [pairs.tokens[i] for i in test.tolist()]
        found[test] = fitted.scores([one for one, _ in sides]) - fitted.scores([other for _, other in sides])
    return found


class Trigrams:
    """Counts of a list of texts, kept as sorted arrays of packed n-grams; words are numbers below `size`."""

    def __init__(self, texts: Sequence[Words]) -> None:
        counts = Counter(word for words in texts for word in words)
        usual = sorted(word for word, count in counts.items() if count > 1)
        self._ids = {word: number for number, word in enumerate(usual, start=_UNKNOWN + 1)}
        self.size = len(usual) + _UNKNOWN + 1
        first, second, third, _ = self._grams(texts)
        size = self.size
        self._trigrams, seen = np.unique((first * size + second) * size + third, return_counts=True)
        self._pairs, contexts = np.unique(self._trigrams // size, return_inverse=True)
        self._pair_total = np.bincount(contexts, weights=seen, minlength=len(self._pairs))
        self._pair_kinds = np.bincount(contexts, minlength=len(self._pairs))
        self._trigram_counts = seen
        # lower orders count in how many different contexts a word is, not how often
        self._bigrams, followed = np.unique(self._trigrams % (size * size), return_counts=True)
        self._bigram_counts = followed
        self._word_total = np.bincount(self._bigrams // size, weights=followed, minlength=size)
        self._word_kinds = np.bincount(self._bigrams // size, minlength=size)
        unigrams = np.bincount(self._bigrams % size, minlength=size)
        # one more place for every word, so that none has probability 0
        self._unigram = (unigrams + 1) / (unigrams.sum() + size)

    def scores(self, texts: Sequence[Words]) -> Array:
        """Mean log-probability of each text's tokens and its end: (texts,)."""
        if not len(texts):
            return np.zeros(0)
        first, second, third, owner = self._grams(texts)
        high = self.probability(first, second, third)
        total = np.bincount(owner, weights=np.log(high), minlength=len(texts))
        return total / np.bincount(owner, minlength=len(texts))

    def probability(self, first: Array, second: Array, third: Array) -> Array:
        """P(third | first, second) of numbered words, all (n,): (n,)."""
        size = self.size
        low = _interpolated(
            _looked_up(self._bigrams, self._bigram_counts, second * size + third),
            self._word_total[second],
            self._word_kinds[second],
            self._unigram[third],
        )
        context = first * size + second
        return _interpolated(
            _looked_up(self._trigrams, self._trigram_counts, context * size + third),
            _looked_up(self._pairs, self._pair_total, context),
            _looked_up(self._pairs, self._pair_kinds, context),
            low,
        )

    def _grams(self, texts: Sequence[Words]) -> tuple[Array, Array, Array, Array]:
        """The three words of each trigram, two starts and one end around a text, and the text it belongs to."""
        known = self._ids
        lengths = np.asarray([len(words) + 3 for words in texts], dtype=np.int64)
        flat = np.fromiter(
            (
                number
                for words in texts
                for number in (_START, _START, *(known.get(word, _UNKNOWN) for word in words), _END)
            ),
            dtype=np.int64,
            count=int(lengths.sum()),
        )
        owner = np.repeat(np.arange(len(texts)), lengths)
        index = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        last = np.flatnonzero(index >= 2)
        return flat[last - 2], flat[last - 1], flat[last], owner[last]


def _looked_up(keys: Array, values: Array, wanted: Array) -> Array:
    """The value of each key of `wanted` in sorted `keys`, 0 where it is missing."""
    if not len(keys):
        return np.zeros(len(wanted))
    index = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[index] == wanted, values[index], 0)


def _interpolated(count: Array, total: Array, kinds: Array, lower: Array) -> Array:
    """Discounted share of a context, the rest from the lower order; just the lower order where it is unknown."""
    known = np.maximum(total, 1)
    whole = (np.maximum(count - _DISCOUNT, 0) + _DISCOUNT * kinds * lower) / known
    return np.where(total > 0, whole, lower)
