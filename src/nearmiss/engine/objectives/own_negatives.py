"""Cross-entropy of an image over a positive text and that text's own negatives (our dual-encoder form of HNC)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nearmiss.engine.objectives.features import Features, mean_where, own_gaps


class OwnNegativesTerm(nn.Module):
    """Mean over positives with at least one negative of -log softmax of the positive among itself and its negatives.

    HNC (CoNLL 2023) trains a matching head on such pairs; a dual encoder has none, so the pair is ranked (our choice).
    Equal to log(1 + sum over k of exp(-scale * gap)), computed as softplus of a log-sum.
    """

    def forward(self, features: Features) -> Tensor:
        used = features.valid.any(-1)
        losing = (-features.scale * own_gaps(features)).masked_fill(~features.valid, float("-inf"))
        # A row of -inf has a NaN gradient: give it one finite entry; it is not counted.
        losing = losing.masked_fill(~used[..., None], 0.0)
        return mean_where(F.softplus(torch.logsumexp(losing, dim=-1)), used)
