"""Contrast between a caption and its negatives among the texts (Zhang et al., CE-CLIP, CVPR 2024, section 3)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nearmiss.engine.objectives.features import Features, mean_where, negative_columns


class IntraModalContrastTerm(nn.Module):
    """Mean of -log(e^a / (e^a + sum of e^b)): a = image and its text, b = that text and negatives, all scaled.

    The paper's code has three forms that contradict each other. This is the one that has the true pair on top (commit
    7f4433a), over valid negatives. With `own` each text sees its own negatives (our default), else all of the batch
    that may serve others and are not this very text.
    """

    def __init__(self, own: bool) -> None:
        super().__init__()
        self.own = own

    def forward(self, features: Features) -> Tensor:
        groups = features.positives.shape[1]
        pair = features.scale * torch.einsum("nd,ngd->ng", features.images, features.positives)
        if self.own:
            texts = torch.einsum("ngd,ngkd->ngk", features.positives, features.negatives)
            wrong = features.valid
        else:
            texts = torch.einsum("ngd,md->ngm", features.positives, features.negatives.flatten(0, 2))
            wrong = negative_columns(features, own=False)[:, None, :].expand(-1, groups, -1)
        used = wrong.any(-1)
        rivals = (features.scale * texts).masked_fill(~wrong, float("-inf")).masked_fill(~used[..., None], 0.0)
        return mean_where(F.softplus(torch.logsumexp(rivals, dim=-1) - pair), used)
