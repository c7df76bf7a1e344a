"""Symmetric contrastive loss (Radford et al., ICML 2021, figure 3)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nearmiss.engine.objectives.features import Features, same_captions


class ContrastiveTerm(nn.Module):
    """Half of each: the cross-entropy of images over captions and of captions over images, N by N.

    Two images with the very same caption do not count against each other (our choice; the paper masks nothing).
    """

    def forward(self, features: Features) -> Tensor:
        logits = features.scale * features.images @ features.captions.T
        logits = logits.masked_fill(same_captions(features), float("-inf"))
        target = torch.arange(len(logits), device=logits.device)
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
