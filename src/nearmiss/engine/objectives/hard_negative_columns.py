"""Contrastive loss whose image-to-text softmax has hard negatives as further columns.

Rösch et al. (ALVR 2024, figure 1); the same as NegCLIP's text side (Yuksekgonul et al., ICLR 2023, section 5) and as
CE-CLIP's contrastive part (CVPR 2024, section 3), which also keeps its invalid negatives; here they are masked.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nearmiss.engine.objectives.features import Features, negative_columns


class HardNegativeColumnsTerm(nn.Module):
    """Images over N captions and the negatives, captions over N images; negatives never act as queries.

    With "own" an image sees its own negatives only, else all of the batch. Masked: absent negatives, and texts of other
    images that are taken for true of this one. `released` sees all of the batch and masks none of them.
    """

    def __init__(self, negatives: Literal["all", "own", "released"]) -> None:
        super().__init__()
        self.negatives = negatives

    def forward(self, features: Features) -> Tensor:
        captions = features.scale * features.images @ features.captions.T
        captions = captions.masked_fill(features.true_captions, float("-inf"))
        negatives = features.scale * features.images @ features.negatives.flatten(0, 2).T
        if self.negatives != "released":
            wrong = negative_columns(features, own=self.negatives == "own")
            negatives = negatives.masked_fill(~wrong, float("-inf"))
        target = torch.arange(len(captions), device=captions.device)
        images_over_texts = F.cross_entropy(torch.cat([captions, negatives], dim=1), target)
        return (images_over_texts + F.cross_entropy(captions.T, target)) / 2
