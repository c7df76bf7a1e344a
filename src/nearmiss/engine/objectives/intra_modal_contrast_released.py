"""CE-CLIP's intra-modal loss in the three forms that its repository had in turn (Zhang et al., CVPR 2024, the code)."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nearmiss.engine.objectives.features import Features

Form = Literal["true_pair", "first_negative", "no_positive"]


class IntraModalContrastReleasedTerm(nn.Module):
    """Mean cross-entropy of a text over all negatives of the batch, nothing masked: absent ones are texts as well.

    `true_pair` (commit 7f4433a): the target is the logit of the image with its text, next to the text with every
    negative. `first_negative` (7b58a00 and b8a5244): the same logits, but the target is the first negative of the
    batch's first image. `no_positive` (47cef4e and after): the negatives only, with that same target.
    """

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form

    def forward(self, features: Features) -> Tensor:
        pair = torch.einsum("nd,ngd->ng", features.images, features.positives)[..., None]
        texts = torch.einsum("ngd,md->ngm", features.positives, features.negatives.flatten(0, 2))
        logits = texts if self.form == "no_positive" else torch.cat([pair, texts], dim=-1)
        logits = features.scale * logits.flatten(0, 1)
        target = 1 if self.form == "first_negative" else 0
        return F.cross_entropy(logits, torch.full((len(logits),), target, device=logits.device))
