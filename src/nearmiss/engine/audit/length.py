"""Length in tokens, punctuation included: are the true captions shorter, or longer?"""

from nearmiss.engine.audit.folds import Fold
from nearmiss.engine.audit.pairs import Array, Pairs
from nearmiss.engine.audit.probe import Corpus, gap_of


def gap(pairs: Pairs, folds: list[Fold], corpus: Corpus) -> Array:
    """Tokens that the positive has more than the negative: (n,)."""
    return gap_of(pairs, lambda words: float(len(words)))
