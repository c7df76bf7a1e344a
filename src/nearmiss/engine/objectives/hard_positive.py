"""A paraphrase of a text is nearer to the image than the text's negatives are (our choice; no paper).

The weakness that it answers: models trained on hard negatives only take every edit for a wrong one ("The Hard Positive
Truth", arXiv 2409.17958).
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
