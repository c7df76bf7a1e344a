"""Word frequency: are the words of the negatives rarer, or more frequent, than those of the positives?

Frequencies are counted on the positives of other folds, or on a corpus where one is given.
"""

import numpy as np

from nearmiss.engine.audit.folds import Fold
from nearmiss.engine.audit.pairs import Array, Pairs
from nearmiss.engine.audit.probe import Corpus, texts_to_learn
from nearmiss.engine.scoring.blind import unigram


def gap(pairs: Pairs, folds: list[Fold], corpus: Corpus) -> Array:
    """Mean log-frequency of the positive's words minus that of the negative's: (n,)."""
    found = np.zeros(len(pairs))
    for train, test in folds:
        texts = [text for i in test.tolist() for text in (pairs.positive[i], pairs.negative[i])]
        scores = unigram(set(texts), texts_to_learn(pairs, train, corpus))
        found[test] = [scores[one] - scores[other] for one, other in zip(texts[::2], texts[1::2], strict=True)]
    return found
