"""What every loss term is computed from: the embeddings of one batch, and which of them stand for the same text."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Features:
    """Embeddings of a batch of N images with G positive texts an image and K negatives a positive, dimension D.

    All embeddings are L2-normalised. Where an arm's method does not write positives of its own, G is 1 and the
    positives are the captions. Text ids are equal exactly where two texts are the same tokens.
    """

    images: Tensor  # (N, D)
    captions: Tensor  # (N, D)
    positives: Tensor  # (N, G, D)
    negatives: Tensor  # (N, G, K, D)
    valid: Tensor  # (N, G, K) bool: there is such a negative
    scale: Tensor  # () what cosines are multiplied with
    caption_ids: Tensor  # (N,) int64
    positive_ids: Tensor  # (N, G) int64
    negative_ids: Tensor  # (N, G, K) int64
    for_others: Tensor  # (N, G, K) bool: may serve as a negative of other images (false for counts and the like)
    kinds: Tensor  # (N, G, K) int64: the negative's type, as a number from 0


def same_captions(features: Features) -> Tensor:
    """(N, N) bool: another image of the batch has the very same caption, so that neither is wrong for the other."""
    ids = features.caption_ids
    same = ids[:, None] == ids[None, :]
    return same & ~torch.eye(len(ids), dtype=torch.bool, device=ids.device)


def negative_columns(features: Features, own: bool, truths: Tensor) -> Tensor:
    """Which negatives of the batch are wrong for which image: (N, N * G * K) bool.

    A sample's own valid negatives always; those of others, unless `own`, where they may serve others and are not one
    of the image's own true texts, whose ids are `truths` (N, T).
    """
    count = len(features.valid)
    per_image = features.valid[0].numel()
    flat_ids = features.negative_ids.reshape(1, -1)
    of_image = torch.arange(count, device=flat_ids.device).repeat_interleave(per_image)
    mine = of_image[None, :] == torch.arange(count, device=flat_ids.device)[:, None]
    valid = features.valid.reshape(1, -1)
    if own:
        return mine & valid
    true_here = (flat_ids[:, :, None] == truths[:, None, :]).any(-1)
    return valid & (mine | (features.for_others.reshape(1, -1) & ~true_here))


def own_gaps(features: Features) -> Tensor:
    """Cosine of image and positive minus cosine of image and that positive's negative: (N, G, K), no scale."""
    to_positive = torch.einsum("nd,ngd->ng", features.images, features.positives)
    to_negative = torch.einsum("nd,ngkd->ngk", features.images, features.negatives)
    return to_positive[:, :, None] - to_negative


def mean_where(values: Tensor, where: Tensor) -> Tensor:
    """Mean of `values` where `where` holds; 0, with a gradient of 0, where it holds nowhere."""
    return torch.where(where, values, 0.0).sum() / where.sum().clamp(min=1)
