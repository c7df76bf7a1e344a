"""Contrastive loss over the positives that a method writes, without their negatives (our choice).

An arm with this term trains on the texts that another arm contrasts with hard negatives, so that the effect of the
texts can be separated from that of the negatives.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nearmiss.engine.objectives.features import Features, mean_where


class ContrastivePositivesTerm(nn.Module):
    """Mean over the G positives of an image of the symmetric cross-entropy, N by N, as in `ContrastiveTerm`.

    A positive that is taken for true of another image does not count against it. Where an image has no positive
    (`Features.written`), its caption is no text of the loss, and the image only counts against the texts of others.
    """

    def forward(self, features: Features) -> Tensor:
        assert features.true_positives is not None
        logits = features.scale * torch.einsum("nd,mgd->gnm", features.images, features.positives)
        written = torch.ones_like(logits[:, 0], dtype=torch.bool) if features.written is None else features.written.mT
        own = torch.eye(logits.shape[1], dtype=torch.bool, device=logits.device)
        absent = ~written[:, None, :] & ~own
        logits = logits.masked_fill(features.true_positives.permute(2, 0, 1) | absent, float("-inf"))
        target = torch.arange(logits.shape[1], device=logits.device).expand(logits.shape[0], -1)
        both = [F.cross_entropy(each, target, reduction="none") for each in (logits, logits.mT)]
        return (mean_where(both[0], written) + mean_where(both[1], written)) / 2
