"""Batches of images, captions and negatives: each a function of the seed and the step only.

The order of images and the choice of captions depend on nothing else, so they are the same for every arm of a seed;
the negatives of an arm are sampled with a separate seed. Any step can be computed, so a resumed run needs no replay.
Images that are held out for validation are in no batch.
"""

import dataclasses
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from nearmiss.base.errors import InputError
from nearmiss.base.seeding import array_rng
from nearmiss.engine.models.packing import Texts
from nearmiss.engine.training.corpus import Corpus, NegativeTable


@dataclass(frozen=True)
class Batch:
    """N images with one caption each, G positives per image and K negatives per positive.

    Texts are indices into `texts`, which contains each unique text once; an absent negative has the index of the
    corpus' placeholder, or 0 if there is none.
    """

    rows: np.ndarray  # (N,) int64, rows of the image store
    texts: Texts
    captions: Tensor  # (N,) int64
    positives: Tensor  # (N, G) int64
    negatives: Tensor  # (N, G, K) int64
    valid: Tensor  # (N, G, K) bool
    for_others: Tensor  # (N, G, K) bool
    kinds: Tensor  # (N, G, K) int64
    paraphrases: Tensor  # (N, G) int64, of the positives; the positives if there is none
    paraphrased: Tensor  # (N, G) bool
    positives_for_others: Tensor  # (N, G) bool: may be a negative of other images too
    written: Tensor  # (N, G) bool: the positive is of the method; false where it is the caption for lack of one
    book_rows: np.ndarray  # (U,) int64, rows of the token book of the texts


class Batches:
    """All batches of a phase. The last incomplete batch of an epoch is dropped."""

    def __init__(
        self, corpus: Corpus, *, size: int, seed: int, phase: str, num_negatives: int, only_positives: bool = False
    ) -> None:
        """For each image, K = `num_negatives` negatives of its caption are sampled, or, if the method writes its own
        positives, G = num_negatives // 2 pairs with one negative each (of a matched set, in which every arm has the
        same number of negatives, up to num_negatives pairs of the caption). With `only_positives`, the negatives of the
        same pairs are absent. Where a caption has fewer, the rest is absent: no negative is repeated."""
        if len(corpus) < size:
            raise InputError(
                f"{len(corpus)} images with captions do not fill one batch of {size}",
                record="pretrain.batch_size",
                remedy="use a smaller batch or more training images",
            )
        self.corpus, self.size, self.seed, self.phase = corpus, size, seed, phase
        self.per_epoch = len(corpus) // size
        self.only_positives = only_positives
        negative_table = corpus.negative_table
        if negative_table is None:
            self.groups, self.negatives = 1, 0
        elif negative_table.paired:
            self.groups, self.negatives = num_negatives if negative_table.of_captions else num_negatives // 2, 1
        else:
            self.groups, self.negatives = 1, num_negatives
        self._epoch = lru_cache(maxsize=1)(self._drawn_epoch)

    def at(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        epoch, number = divmod(step, self.per_epoch)
        order, chosen = self._epoch(epoch)
        images = order[number * self.size : (number + 1) * self.size]
        captions = chosen[images]
        positives, negatives, picked = self._draw_negatives(step, images, captions)
        otherwise = self._drawn_paraphrases(step, positives)
        return self._batch(images, self.corpus.captions[captions], positives, negatives, picked, otherwise)

    def _drawn_epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The epoch's order of images, and each image's caption."""
        first = self.corpus.first
        order = array_rng(self.seed, "training", self.phase, "order", epoch).permutation(len(self.corpus))
        draw = array_rng(self.seed, "training", self.phase, "captions", epoch)
        if self.corpus.weights is None:
            return order, first[:-1] + draw.integers(0, np.diff(first))
        ends = np.concatenate([[0.0], np.cumsum(self.corpus.weights)])
        points = ends[first[:-1]] + draw.random(len(self.corpus)) * (ends[first[1:]] - ends[first[:-1]])
        chosen = np.searchsorted(ends, points, side="right") - 1
        return order, np.clip(chosen, first[:-1], first[1:] - 1)  # rounding of a cumulative sum may select a neighbor

    def _draw_negatives(
        self, step: int, images: np.ndarray, captions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positives (N, G), negatives (N, G, K) as rows of the token book, rows of the negatives (N, G, K), -1 none."""
        shape = (len(images), self.groups, self.negatives)
        own = self.corpus.captions[captions]
        positives = np.broadcast_to(own[:, None], shape[:2]).copy()
        picked = np.full((len(images), self.groups * self.negatives), -1, dtype=np.int64)
        negative_table = self.corpus.negative_table
        if negative_table is None:
            return positives, np.zeros(shape, dtype=np.int64), picked.reshape(shape)
        draw = array_rng(self.seed, "training", self.phase, "negatives", step)
        owners = captions if negative_table.of_captions else images
        for inverse, owner in enumerate(owners.tolist()):
            start, end = int(negative_table.first[owner]), int(negative_table.first[owner + 1])
            some = start + draw.permutation(end - start)[: picked.shape[1]]
            picked[inverse, : len(some)] = some
        rows = picked.reshape(shape)
        if negative_table.paired:
            positives = np.where(rows[..., 0] >= 0, negative_table.positives[rows[..., 0]], positives)
        return positives, negative_table.negatives[rows], rows

    def _drawn_paraphrases(self, step: int, positives: np.ndarray) -> np.ndarray:
        """Rows of the token book (N, G): a paraphrase of each positive, or the positive if it has none."""
        known = self.corpus.paraphrases
        if known is None:
            return positives
        start, end = known.first[positives], known.first[positives + 1]
        draw = array_rng(self.seed, "training", self.phase, "paraphrases", step)
        drawn = start + draw.integers(0, np.maximum(end - start, 1))
        return np.where(end > start, known.texts[np.minimum(drawn, len(known.texts) - 1)], positives)

    def _batch(
        self,
        images: np.ndarray,
        captions: np.ndarray,
        positives: np.ndarray,
        negatives: np.ndarray,
        picked: np.ndarray,
        otherwise: np.ndarray,
    ) -> Batch:
        """Index the unique texts of the batch and trim them to the longest."""
        drawn, placeholder = picked >= 0, self.corpus.placeholder
        valid = np.zeros_like(drawn) if self.only_positives else drawn
        absent = () if placeholder is None else (placeholder,)
        wanted = np.concatenate([captions, positives.ravel(), otherwise.ravel(), negatives[valid], absent])
        different, inverse = np.unique(wanted.astype(np.int64), return_inverse=True)
        count, total = len(captions), positives.size
        of_negatives = np.full(picked.shape, inverse[-1] if absent else 0, dtype=np.int64)
        of_negatives[valid] = inverse[count + 2 * total : len(inverse) - len(absent)]
        book, negative_table = self.corpus.book, self.corpus.negative_table
        for_others = (
            np.zeros(picked.shape, dtype=bool) if negative_table is None else negative_table.for_others[picked] & valid
        )
        written = np.ones(positives.shape, dtype=bool)
        shared = written
        if negative_table is not None and negative_table.paired:
            written = drawn[..., 0]
            shared = negative_table.for_others[picked[..., 0]] & written
        kinds = (
            np.zeros(picked.shape, dtype=np.int64)
            if negative_table is None
            else np.where(valid, negative_table.kinds[picked], 0).astype(np.int64)
        )
        return Batch(
            rows=self.corpus.rows[images],
            texts=book.padded(different),
            captions=torch.from_numpy(inverse[:count]),
            positives=torch.from_numpy(inverse[count : count + total].reshape(positives.shape)),
            negatives=torch.from_numpy(of_negatives),
            valid=torch.from_numpy(valid),
            for_others=torch.from_numpy(for_others),
            kinds=torch.from_numpy(kinds),
            paraphrases=torch.from_numpy(inverse[count + total : count + 2 * total].reshape(positives.shape)),
            paraphrased=torch.from_numpy(otherwise != positives),
            positives_for_others=torch.from_numpy(shared),
            written=torch.from_numpy(written),
            book_rows=different,
        )


def held_out(corpus: Corpus, share: float, seed: int) -> tuple[Corpus, Corpus]:
    """The corpus without a random share of its images, and that share. Equal for every arm of a seed."""
    if share == 0:
        return corpus, only(corpus, np.empty(0, dtype=np.int64))
    order = array_rng(seed, "training", "held out").permutation(len(corpus))
    count = round(share * len(corpus))
    return only(corpus, np.sort(order[count:])), only(corpus, np.sort(order[:count]))


def only(corpus: Corpus, images: np.ndarray) -> Corpus:
    """The corpus of some of its images, given by their indices (M,)."""
    captions, first = _members(corpus.first, images)
    negative_table = corpus.negative_table
    if negative_table is not None:
        negative_table = _only_groups(negative_table, captions if negative_table.of_captions else images)
    return dataclasses.replace(
        corpus,
        rows=corpus.rows[images],
        first=first,
        captions=corpus.captions[captions],
        negative_table=negative_table,
        weights=None if corpus.weights is None else corpus.weights[captions],
    )


def _only_groups(negative_table: NegativeTable, groups: np.ndarray) -> NegativeTable:
    rows, first = _members(negative_table.first, groups)
    return dataclasses.replace(
        negative_table,
        first=first,
        positives=negative_table.positives[rows],
        negatives=negative_table.negatives[rows],
        for_others=negative_table.for_others[rows],
        kinds=negative_table.kinds[rows],
    )


def _members(first: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Concatenated rows of some groups, and the offset of each group."""
    sizes = first[groups + 1] - first[groups]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return np.arange(offsets[-1]) + np.repeat(first[groups] - offsets[:-1], sizes), offsets
