"""Contrastive loss over the positives that a method writes, without their negatives (our choice).

An arm with this term trains on the texts that another arm contrasts with hard negatives, so that the effect of the
texts can be separated from that of the negatives.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nearmiss.engine.objectives.features import Features


class ContrastivePositivesTerm(nn.Module):
    """Mean over the G positives of an image of the symmetric cross-entropy, N by N, as in `ContrastiveTerm`.

    A positive that is taken for true of another image does not count against it.
    """

    def forward(self, features: Features) -> Tensor:
        assert features.true_positives is not None
        logits = features.scale * torch.einsum("nd,mgd->gnm", features.images, features.positives)
        logits = logits.masked_fill(features.true_positives.permute(2, 0, 1), float("-inf"))
        target = torch.arange(logits.shape[1], device=logits.device).expand(logits.shape[0], -1)
        return (F.cross_entropy(logits.mT, target) + F.cross_entropy(logits, target)) / 2
