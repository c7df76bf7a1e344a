"""Cross-validation: training pairs of a probe never share an image, or an edit, with test pairs."""

from collections.abc import Callable

import numpy as np

from nearmiss.base.seeding import derive
from nearmiss.engine.audit.pairs import Array, Pairs

FOLDS = 5

Fold = tuple[Array, Array]  # indices of training pairs, of test pairs
Scheme = Callable[[Pairs, int], list[Fold]]


def by_image(pairs: Pairs, seed: int) -> list[Fold]:
    """Folds of whole images. Empty folds are left out."""
    fold = _numbers([f"image|{image}" for image in pairs.image], seed)
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(FOLDS) if np.any(fold == k)]


def by_edit(pairs: Pairs, seed: int) -> list[Fold]:
    """Folds of whole edits: neither an exchange of words nor an image is on both sides.

    A pair may make several exchanges, and chains of them would tie most of a set into one fold; so pairs fall into
    folds by all their exchanges together, and pairs that share one of them, or an image, with the test fold are left
    out of training (our choice). The sides are smaller than in `by_image`.
    """
    fold = _numbers(["edit|" + " | ".join(keys) for keys in pairs.exchanges], seed)
    found: list[Fold] = []
    for k in range(FOLDS):
        test = np.flatnonzero(fold == k)
        if not len(test):
            continue
        images = {pairs.image[i] for i in test.tolist()}
        edits = {key for i in test.tolist() for key in pairs.exchanges[i]}
        train = [
            i
            for i in np.flatnonzero(fold != k).tolist()
            if pairs.image[i] not in images and edits.isdisjoint(pairs.exchanges[i])
        ]
        found.append((np.asarray(train, dtype=np.int64), test))
    return found


SCHEMES: dict[str, Scheme] = {"image": by_image, "edit": by_edit}


def _numbers(names: list[str], seed: int) -> Array:
    known = {name: derive(seed, "audit fold", name) % FOLDS for name in set(names)}
    return np.asarray([known[name] for name in names])
