"""Hinge between the true text and each negative, with a threshold that grows with what the model has learned.

Zhang et al., CE-CLIP, CVPR 2024, section 3.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from nearmiss.engine.objectives.features import Features, mean_where, own_gaps


class CrossModalRankTerm(nn.Module):
    """Mean over valid pairs of scale * max(0, threshold of the negative's type - gap), gap in cosine units.

    After each batch the threshold of a type becomes the mean gap of its valid negatives (`mean`), a fifth of the
    largest (`max`), or stays at the cap (`fixed`); clamped to 0 and the cap, used from the next batch on, 0 at first.

    Our choices, because the published form needs them: gaps and thresholds are cosines (the paper's 10 of logits at
    scale 100 is a cap of .10), the scale only weighs the hinge and has no gradient (else shrinking it would be
    rewarded), the mean is over valid pairs, a type without a valid pair keeps its threshold, and thresholds are never
    reset between epochs. A threshold belongs to a negative's type; the published slots are such types.
    """

    threshold: Tensor  # (types,)

    def __init__(self, rule: Literal["mean", "max", "fixed"], cap: float, types: int) -> None:
        super().__init__()
        self.rule, self.cap = rule, cap
        self.register_buffer("threshold", torch.full((types,), cap if rule == "fixed" else 0.0))

    def forward(self, features: Features) -> Tensor:
        gaps = own_gaps(features)
        hinge = (self.threshold[features.kinds] - gaps).clamp(min=0)
        loss = features.scale.detach() * mean_where(hinge, features.valid)
        if self.training and self.rule != "fixed":
            self._follow(gaps.detach().to(self.threshold.dtype), features)
        return loss

    def _follow(self, gaps: Tensor, features: Features) -> None:
        """Move the thresholds of the types that occur in this batch."""
        types = torch.arange(len(self.threshold), device=gaps.device)
        member = features.valid.flatten()[:, None] & (features.kinds.flatten()[:, None] == types)
        flat = gaps.flatten()[:, None]
        if self.rule == "mean":
            new = torch.where(member, flat, 0.0).sum(0) / member.sum(0).clamp(min=1)
        else:
            new = torch.where(member, flat, float("-inf")).amax(0) / 5
        self.threshold = torch.where(member.any(0), new.clamp(0, self.cap), self.threshold)
