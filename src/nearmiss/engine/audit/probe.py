"""A probe: a number for each pair that predicts which of its two captions is true.

A one-number probe (length, say) has no given direction: it is chosen on the other folds. A trained probe has
learned its direction. An undecided prediction counts half.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from nearmiss.base.seeding import derive
from nearmiss.engine.audit.folds import Fold
from nearmiss.engine.audit.pairs import Array, Pairs, Words, tokens_of
from nearmiss.engine.text.tokens import normalized

_TIE = 1e-9  # numbers closer than this are equal: sums of logarithms made in another order


@dataclass(frozen=True)
class Corpus:
    """Captions that models of usual text are counted on; none given: the positives of other folds."""

    texts: tuple[str, ...] = ()

    @cached_property
    def tokens(self) -> list[Words]:
        """Lower-case tokens of each caption."""
        return [tokens_of(text) for text in self.texts]

    @classmethod
    def without(cls, texts: list[str], pairs: Pairs) -> "Corpus":
        """A corpus of the texts that are not captions under audit."""
        audited = {normalized(text) for side in (pairs.positive, pairs.negative) for text in side}
        return cls(tuple(text for text in texts if normalized(text) not in audited))

    def halves(self, seed: int) -> "tuple[Corpus, Corpus]":
        """Two halves, drawn by text: equal texts are in the same one. An empty corpus has two empty ones."""
        second = [derive(seed, "half", normalized(text)) % 2 for text in self.texts]
        one, other = (tuple(text for text, half in zip(self.texts, second, strict=True) if half == at) for at in (0, 1))
        return Corpus(one), Corpus(other)


Gap = Callable[[Pairs, list[Fold], Corpus], Array]


@dataclass(frozen=True)
class Probe:
    """A probe by its name; `gap` gives (n,) numbers, above 0 where the positive has the larger value."""

    name: str
    gap: Gap
    schemes: tuple[str, ...] = field(default=("image",))
    trained: bool = False

    def outcomes(self, pairs: Pairs, folds: list[Fold], corpus: Corpus) -> Array:
        """(n,) of 1 right, 0 wrong, .5 undecided."""
        gap = self.gap(pairs, folds, corpus)
        return decided(gap) if self.trained else directed(gap, folds)


def decided(gap: Array) -> Array:
    """1 where the positive has more, 0 where less, .5 where neither."""
    return np.where(np.abs(gap) <= _TIE, 0.5, (gap > 0).astype(np.float64))


def directed(gap: Array, folds: list[Fold]) -> Array:
    """As `decided`, each fold in the direction that is correct more often on its training pairs; .5 where none is."""
    right = decided(gap)
    found = np.full(len(gap), 0.5)
    for train, test in folds:
        lean = float(np.sum(right[train] - 0.5))
        if lean:
            found[test] = right[test] if lean > 0 else 1 - right[test]
    return found


def texts_to_learn(pairs: Pairs, train: Array, corpus: Corpus) -> list[str]:
    """The corpus, or each different positive of the training pairs; sorted."""
    return list(corpus.texts) or sorted({pairs.positive[i] for i in train.tolist()})


def tokens_to_learn(pairs: Pairs, train: Array, corpus: Corpus) -> list[Words]:
    """As `texts_to_learn`, in tokens."""
    return corpus.tokens or sorted({pairs.tokens[i][0] for i in train.tolist()})
