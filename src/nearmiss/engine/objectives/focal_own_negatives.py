"""Focal, smoothed cross-entropy of an image over a text and its own negatives (FSC-CLIP, EMNLP 2024, section 3)."""

import torch
from torch import Tensor, nn

from nearmiss.engine.objectives.features import Features, mean_where, own_gaps


class FocalOwnNegativesTerm(nn.Module):
    """Mean over positives with a negative of -sum over the texts of y (1 - p)^gamma log p.

    p is the softmax over the positive and its valid negatives, y puts 1 - smoothing on the positive and spreads the
    rest over all of these texts. The paper's global term; its local one on tokens and patches is left out.
    """

    def __init__(self, gamma: float, smoothing: float) -> None:
        super().__init__()
        self.gamma, self.smoothing = gamma, smoothing

    def forward(self, features: Features) -> Tensor:
        used = features.valid.any(-1)
        gaps = -features.scale * own_gaps(features)
        # The positive has logit 0. An absent text gets a logit that is low but finite, so that gradients are numbers.
        low = torch.finfo(gaps.dtype).min / 4
        logits = torch.cat([torch.zeros_like(gaps[..., :1]), gaps.masked_fill(~features.valid, low)], dim=-1)
        logs = torch.log_softmax(logits, dim=-1)
        there = torch.cat([torch.ones_like(used)[..., None], features.valid], dim=-1)
        share = self.smoothing * there.to(logs.dtype) / there.sum(-1, keepdim=True)
        share[..., 0] += 1 - self.smoothing
        losses = -share * (1 - logs.exp()).clamp(min=0) ** self.gamma * torch.where(there, logs, 0.0)
        return mean_where(losses.sum(-1), used)
