"""CE-CLIP's cross-modal rank loss as its authors released it, defects included (Zhang et al., CVPR 2024, the code).

Kept to measure what the corrected term (cross_modal_rank.py) changes.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from nearmiss.engine.objectives.features import Features

FIXED = 2.0  # the release's fixed threshold, in logits


class CrossModalRankReleasedTerm(nn.Module):
    """Sum over valid pairs of max(0, threshold + negative's logit - positive's logit), divided by all N * G * K slots.

    What differs from the corrected term: thresholds are logits, so that shrinking the scale lowers the loss; the mean
    counts slots that hold no negative, so that the weight follows the yield; the `mean` rule takes the mean over all
    images for the positive and over the valid ones for the negative; thresholds start at 0 again in every epoch. One
    defect is corrected, which would end the training: a type that is valid nowhere in a batch keeps its threshold,
    where the release divides 0 by 0.
    """

    threshold: Tensor  # (types,)

    def __init__(self, rule: Literal["mean", "max", "fixed"], bound: float, types: int) -> None:
        super().__init__()
        self.rule, self.bound = rule, bound
        self.register_buffer("threshold", torch.full((types,), FIXED if rule == "fixed" else 0.0))

    def start_epoch(self) -> None:
        """Forget the thresholds."""
        if self.rule != "fixed":
            self.threshold.zero_()

    def forward(self, features: Features) -> Tensor:
        right = features.scale * torch.einsum("nd,ngd->ng", features.images, features.positives)[..., None]
        wrong = features.scale * torch.einsum("nd,ngkd->ngk", features.images, features.negatives) * features.valid
        losses = (self.threshold[features.kinds] + wrong - right).clamp(min=0) * features.valid
        if self.training and self.rule != "fixed":
            self._follow(right.detach().expand_as(wrong), wrong.detach(), features)
        return losses.mean()

    def _follow(self, right: Tensor, wrong: Tensor, features: Features) -> None:
        for kind in range(len(self.threshold)):
            valid = features.valid & (features.kinds == kind)
            if not valid.any():
                continue
            if self.rule == "mean":
                new = right[..., 0].mean() - wrong[valid].mean()
            else:
                new = (right - wrong)[valid].max() / 5
            self.threshold[kind] = new.clamp(0, self.bound)
