"""Some images of a training's corpus kept apart, to validate on while it runs."""

import dataclasses

import numpy as np

from nearmiss.base.seeding import array_rng
from nearmiss.engine.training.corpus import Corpus, Foils


def held_out(corpus: Corpus, share: float, seed: int) -> tuple[Corpus, Corpus]:
    """The corpus without a drawn share of its images, and that share. Equal for every arm of a seed."""
    if share == 0:
        return corpus, only(corpus, np.empty(0, dtype=np.int64))
    order = array_rng(seed, "training", "held out").permutation(len(corpus))
    count = round(share * len(corpus))
    return only(corpus, np.sort(order[count:])), only(corpus, np.sort(order[:count]))


def only(corpus: Corpus, images: np.ndarray) -> Corpus:
    """The corpus of some of its images, given by their numbers (M,)."""
    captions, first = _members(corpus.first, images)
    foils = corpus.foils
    if foils is not None:
        foils = _only_groups(foils, images if foils.paired else captions)
    return dataclasses.replace(
        corpus,
        rows=corpus.rows[images],
        first=first,
        captions=corpus.captions[captions],
        foils=foils,
        weights=None if corpus.weights is None else corpus.weights[captions],
    )


def _only_groups(foils: Foils, groups: np.ndarray) -> Foils:
    rows, first = _members(foils.first, groups)
    return dataclasses.replace(
        foils,
        first=first,
        positives=foils.positives[rows],
        negatives=foils.negatives[rows],
        for_others=foils.for_others[rows],
        kinds=foils.kinds[rows],
    )


def _members(first: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of some groups, one after the other, and where each group's rows begin among them."""
    ranges = [np.arange(first[group], first[group + 1]) for group in groups]
    rows = np.concatenate([*ranges, np.empty(0, dtype=np.int64)]).astype(np.int64)
    return rows, np.concatenate([[0], np.cumsum([len(each) for each in ranges])]).astype(np.int64)
