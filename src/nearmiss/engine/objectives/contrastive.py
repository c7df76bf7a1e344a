"""Symmetric contrastive loss (Radford et al., ICML 2021, figure 3)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nearmiss.engine.objectives.features import Features


class ContrastiveTerm(nn.Module):
    """Half of each: the cross-entropy of images over captions and of captions over images, N by N.

    A caption that is taken for true of another image does not count against it (our choice; the paper masks nothing).
    """

    def forward(self, features: Features) -> Tensor:
        logits = features.scale * features.images @ features.captions.T
        logits = logits.masked_fill(features.true_captions, float("-inf"))
        target = torch.arange(len(logits), device=logits.device)
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
