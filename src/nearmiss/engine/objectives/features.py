"""What every loss term is computed from: the embeddings of one batch, and what may count against what."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nearmiss.engine.objectives.spec import Mask


@dataclass(frozen=True)
class Matching:
    """A classifier of pairs of a batch's N images and U texts; texts are indices from 0 to U - 1."""

    captions: Tensor  # (N,) int64
    positives: Tensor  # (N, G) int64
    negatives: Tensor  # (N, G, K) int64
    noise: (
        Tensor  # (2, N, N) standard Gumbel, images x captions: what pairs are drawn with, for images and for captions
    )
    logits: Callable[[Tensor, Tensor], Tensor]  # (P, 2), no match first, of numbers of images and of texts, both (P,)


@dataclass(frozen=True)
class Features:
    """Embeddings of a batch of N images with G positive texts an image and K negatives a positive, dimension D.

    All embeddings are L2-normalized. Where an arm's method does not write positives of its own, G is 1 and the
    positives are the captions. What is `true` here is taken for true of an image, so that it is no negative of it.
    """

    images: Tensor  # (N, D)
    captions: Tensor  # (N, D)
    positives: Tensor  # (N, G, D)
    negatives: Tensor  # (N, G, K, D); where there is none, a placeholder's embedding, which counts nowhere by default
    paraphrases: Tensor  # (N, G, D), of the positives; their own embeddings where there is none
    valid: Tensor  # (N, G, K) bool: there is such a negative
    paraphrased: Tensor  # (N, G) bool: there is such a paraphrase
    true_captions: Tensor  # (N, N) bool, captions of others taken for true of an image
    true_negatives: Tensor  # (N, N * G * K) bool, negatives of others taken for true of an image
    kinds: Tensor  # (N, G, K) int64: the negative's type, as a number from 0
    scale: Tensor  # () what cosines are multiplied with
    matching: Matching | None = None  # of a cross-encoder
    true_positives: Tensor | None = None  # (N, N, G) bool, positives of others taken for true of an image
    written: Tensor | None = None  # (N, G) bool: the method wrote the positive; else it is the caption. None: all


def own_columns(features: Features) -> Tensor:
    """(N, N * G * K) bool: the negatives that are an image's own, there or not."""
    count, per_image = len(features.valid), features.valid[0].numel()
    images = torch.arange(count, device=features.valid.device)
    return images.repeat_interleave(per_image)[None, :] == images[:, None]


def negative_columns(features: Features, own: bool) -> Tensor:
    """Which negatives of the batch are wrong for which image: (N, N * G * K) bool.

    A sample's own valid negatives always; those of others, unless `own`, where they are not taken for true.
    """
    valid, mine = features.valid.reshape(1, -1), own_columns(features)
    return valid & mine if own else valid & (mine | ~features.true_negatives)


def own_gaps(features: Features) -> Tensor:
    """Cosine of image and positive minus cosine of image and that positive's negative: (N, G, K), no scale."""
    to_positive = torch.einsum("nd,ngd->ng", features.images, features.positives)
    to_negative = torch.einsum("nd,ngkd->ngk", features.images, features.negatives)
    return to_positive[:, :, None] - to_negative


def mean_where(values: Tensor, where: Tensor) -> Tensor:
    """Mean of `values` where `where` holds; 0, with a gradient of 0, where it holds nowhere."""
    return torch.where(where, values, 0.0).sum() / where.sum().clamp(min=1)


def taken_for_true(
    mask: Mask,
    *,
    captions: Tensor,
    positives: Tensor,
    negatives: Tensor,
    for_others: Tensor,
    truth: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Captions (N, N) and negatives (N, N * G * K) of others that are taken for true of an image, both bool.

    Texts are indices of the batch's U different texts: `captions` (N,), `positives` (N, G), `negatives` (N, G, K).
    `none` takes nothing for true, as the releases do. `same_image` takes another image's text for true that is one of
    the image's own true texts, and whatever may not serve others (`for_others` (N, G, K) bool is false of counts and
    the like). `truth` uses `truth` (N, U) bool, which texts are true of which image, and needs no such rule.
    The masks are our choice: the papers mask nothing, or less.
    """
    count, per_image = len(captions), negatives[0].numel()
    images = torch.arange(count, device=captions.device)
    another = images[:, None] != images[None, :]
    of_another = images[:, None] != images.repeat_interleave(per_image)[None, :]
    flat = negatives.reshape(-1)
    if mask == "none":
        return torch.zeros_like(another), torch.zeros_like(of_another)
    same_caption = captions[:, None] == captions[None, :]
    own = torch.cat([captions[:, None], positives], dim=1)
    same_negative = (flat[None, :, None] == own[:, None, :]).any(-1)
    if truth is None:
        return same_caption & another, (same_negative | ~for_others.reshape(1, -1)) & of_another
    return (same_caption | truth[:, captions]) & another, (same_negative | truth[:, flat]) & of_another


def positives_taken_for_true(
    mask: Mask, *, captions: Tensor, positives: Tensor, for_others: Tensor, truth: Tensor | None = None
) -> Tensor:
    """Positives of others that are taken for true of an image, (N, N, G) bool: [image, other image, its positive].

    The rules are those of `taken_for_true`; `for_others` (N, G) bool is false of counts and the like.
    """
    another = ~torch.eye(len(captions), dtype=torch.bool)[:, :, None]
    if mask == "none":
        return torch.zeros((len(captions), *positives.shape), dtype=torch.bool)
    own = torch.cat([captions[:, None], positives], dim=1)
    same = (positives[None, :, :, None] == own[:, None, None, :]).any(-1)
    return (same | (~for_others[None] if truth is None else truth[:, positives])) & another
