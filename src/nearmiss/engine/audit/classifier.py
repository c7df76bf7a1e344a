"""A trained text classifier: logistic regression on what the two captions of a pair do not share.

With x the features of the positive minus those of the negative, P(the first caption is true) = sigmoid(w x), without a
constant, so that the order of the two does not matter. Swapping a pair, x to -x and 1 to 0, does not
change the loss; every second pair is swapped, for a solver that needs both classes.
"""

from collections.abc import Callable, Iterable

import numpy as np
from scipy.sparse import csr_matrix, diags

from nearmiss.engine.audit import features
from nearmiss.engine.audit.folds import Fold
from nearmiss.engine.audit.pairs import Array, Pairs, Words
from nearmiss.engine.audit.probe import Corpus, Gap

_STRENGTH = 1.0  # scikit-learn's C: the inverse of the weight decay (our choice, not tuned)
_STEPS = 200
_TOLERANCE = 1e-3


def probe_of(family: Callable[[Words], Iterable[str]]) -> Gap:
    """The gap of a classifier of one family of features."""

    def gap(pairs: Pairs, folds: list[Fold], corpus: Corpus) -> Array:
        return out_of_fold(features.differences(pairs, family), folds)

    return gap


def form(pairs: Pairs, folds: list[Fold], corpus: Corpus) -> Array:
    """The gap of a classifier of the form of the texts, without words."""
    return out_of_fold(features.forms(pairs), folds)


def out_of_fold(x: csr_matrix, folds: list[Fold]) -> Array:
    """w x of each pair, w trained on the other folds: (n,); 0 without training pairs."""
    found = np.zeros(x.shape[0])
    for train, test in folds:
        found[test] = x[test] @ _weights(x[train])
    return found


def _weights(x: csr_matrix) -> Array:
    """Weights (features,) of positive minus negative features `x` (pairs, features)."""
    from sklearn.linear_model import LogisticRegression

    nonempty = x[np.flatnonzero(np.diff(x.indptr))]  # a pair without a known feature does not contribute
    if nonempty.shape[0] < 2:
        return np.zeros(x.shape[1])
    sign = np.where(np.arange(nonempty.shape[0]) % 2, -1.0, 1.0)
    model = LogisticRegression(C=_STRENGTH, fit_intercept=False, max_iter=_STEPS, tol=_TOLERANCE)
    model.fit(diags(sign) @ nonempty, sign)
    weights: Array = model.coef_[0]
    return weights
