"""Adversarial refinement: drop pairs of a type until text-only probes are at chance.

After SugarCrepe (Hsieh et al., NeurIPS 2023, section 3): the pairs lie on a grid of two score gaps between positive and
negative; a cell and its opposite (both gaps with the other sign) are cut to the same number of pairs, so that neither
score is informative. SugarCrepe's scores come from two large models, a plausibility and a grammar model. Ours (our
choice) are computed on the set itself: a classifier of words, one of words and their order, and a combination of the
one-number gaps and of form; the two most accurate ones span the grid. As a new classifier may find what the last one
missed, this is repeated in rounds, each with its own folds.
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_matrix

from nearmiss.base.seeding import array_rng, derive
from nearmiss.engine.audit import classifier, features, gaps, ngram
from nearmiss.engine.audit.folds import Fold, by_image
from nearmiss.engine.audit.pairs import Array, Pairs
from nearmiss.engine.audit.probe import Corpus, decided, directed

USED = ("length", "edit_position", "word_frequency", "ngram", "form", "words", "words_and_distant_pairs")
"""The probes whose gaps balance a set; none of them evaluates it afterwards."""
_NUMBERS = (gaps.length, gaps.edit_position, gaps.word_frequency, ngram.gap)
_ROUNDS = 8
_SLACK = 0.003  # a score within this of chance, or within 1.5 standard errors, counts as chance
_PER_CELL = 100  # pairs in a cell and its opposite on average: fewer, and evening out noise costs more than it mends
_MOST = 25  # steps from the middle of an axis: 50 x 50 cells, as SugarCrepe had


def balanced(pairs: Pairs, corpus: Corpus, seed: int, step: Callable[[str, int], None] = lambda kind, n: None) -> Array:
    """Places (sorted int) of the pairs that stay; types are balanced one by one. `step` hears type and number left."""
    kept = []
    for kind, indices in pairs.kinds.items():
        left = indices
        for number in range(_ROUNDS):
            stays = _round(pairs.take(left), corpus, derive(seed, "balance", kind, number))
            if stays is None:
                break
            left = left[stays]
            step(kind, len(left))
        kept.append(left)
    return np.sort(np.concatenate(kept))


def _round(pairs: Pairs, corpus: Corpus, seed: int) -> Array | None:
    """Places that stay after one round; None where nothing points anywhere any more, or nothing is left."""
    if not len(pairs):
        return None
    folds = by_image(pairs, seed)
    numbers = [gap(pairs, folds, corpus) for gap in _NUMBERS]
    form = classifier.form(pairs, folds, corpus)
    words = classifier.probe_of(features.words)(pairs, folds, corpus)
    order = classifier.probe_of(features.words_and_distant_pairs)(pairs, folds, corpus)
    blend = _blend([*numbers, form], folds)
    shares = [directed(gap, folds).mean() for gap in numbers]
    shares += [decided(gap).mean() for gap in (form, words, order, blend)]
    if max(shares) <= 0.5 + max(_SLACK, 0.75 / np.sqrt(len(pairs))):
        return None
    one, other, _ = sorted((words, order, blend), key=lambda gap: -decided(gap).mean())
    return _evened(one, other, seed)


def _blend(gaps: list[Array], folds: list[Fold]) -> Array:
    """One gap of several: learnt on the other folds, each gap and its sign in units of its spread; (n,)."""
    columns = [np.stack([gap / (np.sqrt(np.mean(gap**2)) or 1.0), np.sign(gap)], axis=1) for gap in gaps]
    return classifier.out_of_fold(csr_matrix(np.concatenate(columns, axis=1)), folds)


def _evened(one: Array, other: Array, seed: int) -> Array:
    """Places that stay when each cell of the grid of two gaps is as full as its opposite; what goes is drawn."""
    steps = int(np.clip(np.sqrt(len(one) / (2 * _PER_CELL)), 1, _MOST))
    first, second = _steps(one, steps), _steps(other, steps)
    # A cell and its opposite have one name; `side` distinguishes them; 0 is the middle.
    side = np.where(first != 0, np.sign(first), np.sign(second))
    name = (side * first) * (2 * steps + 1) + side * second
    order = array_rng(seed, "drop").permutation(len(one))
    stays = [np.flatnonzero(side == 0)]
    for cell in np.unique(name[side != 0]):
        here = order[(name[order] == cell) & (side[order] != 0)]
        above, below = here[side[here] > 0], here[side[here] < 0]
        fewest = min(len(above), len(below))
        stays += [above[:fewest], below[:fewest]]
    return np.sort(np.concatenate(stays))


def _steps(gap: Array, steps: int) -> Array:
    """A gap as a signed step from 1 to `steps` by the size of its amount, equally full; 0 for no gap: (n,) int."""
    amount = np.abs(gap)
    inside = amount > 1e-9
    if not inside.any():
        return np.zeros(len(gap), dtype=np.int64)
    edges = np.quantile(amount[inside], np.linspace(0, 1, steps + 1)[1:-1])
    return np.where(inside, np.sign(gap) * (1 + np.searchsorted(edges, amount)), 0).astype(np.int64)
