"""Ranks a paraphrase of a text above the text's negatives (our choice; no paper).

Without it, models trained on hard negatives classify every edit as wrong ("The Hard Positive Truth", arXiv 2409.17958).
"""

from torch import Tensor, nn
from torch.nn import functional as F

from nearmiss.engine.objectives.features import Features, mean_where, own_gaps


class HardPositiveTerm(nn.Module):
    """Mean of softplus(scale * (cosine of negative - cosine of paraphrase)).

    Over the valid negatives of texts that have a paraphrase.
    """

    def forward(self, features: Features) -> Tensor:
        paraphrased = (features.images[:, None] * (features.paraphrases - features.positives)).sum(-1)
        gaps = own_gaps(features) + paraphrased[..., None]
        return mean_where(F.softplus(-features.scale * gaps), features.valid & features.paraphrased[..., None])
