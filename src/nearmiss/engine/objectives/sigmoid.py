"""Pairwise sigmoid loss (Zhai et al., SigLIP, ICCV 2023, equation 1), negatives as further texts where wanted."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nearmiss.engine.objectives.features import Features, negative_columns


class SigmoidTerm(nn.Module):
    """Mean over images of the sum over texts of -log sigmoid(z (scale * cosine + bias)), z = 1 for the image's own.

    The bias is learned, at the image tower's rate, and belongs to the training: it changes no order of texts, and a
    checkpoint leaves it out. Texts of others that are taken for true of an image are left out (our choice). With
    `negatives` other than "none", an image is also contrasted with its own or with all negatives of the batch, which
    is not in the paper.
    """

    def __init__(self, negatives: Literal["none", "own", "all"], bias: float) -> None:
        super().__init__()
        self.negatives = negatives
        self.bias = nn.Parameter(torch.tensor(bias))

    def forward(self, features: Features) -> Tensor:
        count = len(features.images)
        right = torch.eye(count, dtype=torch.bool, device=features.images.device)
        losses = self._losses(features, features.captions, right)
        total = torch.where(features.true_captions, 0.0, losses).sum()
        if self.negatives != "none":
            wrong = negative_columns(features, own=self.negatives == "own")
            negatives = features.negatives.flatten(0, 2)
            losses = self._losses(features, negatives, torch.zeros_like(wrong))
            total = total + torch.where(wrong, losses, 0.0).sum()
        return total / count

    def _losses(self, features: Features, texts: Tensor, right: Tensor) -> Tensor:
        """(N, M) losses of images with texts (M, D)."""
        logits = features.scale * features.images @ texts.T + self.bias
        return F.softplus(torch.where(right, -logits, logits))
