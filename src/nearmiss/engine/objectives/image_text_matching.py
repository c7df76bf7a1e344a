"""Image-text matching: a head on the fused pair classifies whether the text is true of the image.

Li et al., ALBEF, NeurIPS 2021, section 3.2, equation 3, with the hard pairs of a batch mined as there; that a caption's
own hard negatives are such pairs is HNC's idea (Dönmez et al., CoNLL 2023), whose paper does not state how it
samples or weighs them.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nearmiss.engine.objectives.features import Features, Matching, mean_where


class ImageTextMatchingTerm(nn.Module):
    """Half of each: the mean two-way cross-entropy of the pairs that match, and of those that do not.

    Match: an image with its caption, and with each positive that is another text. No match: an image with the valid
    negatives of its positives; and, where `mined`, each image with one caption of another image and each caption with
    one other image, drawn from the softmax of scale * cosine, so that pairs that the dual part confuses are drawn
    most. Pairs that are taken for true are never drawn; one without another pair to draw has none.

    Both kinds weigh one half whatever their number (our choice: ALBEF has one to two, and HNC pairs); the draw teaches
    the towers nothing, as there.
    """

    def __init__(self, mined: bool) -> None:
        super().__init__()
        self.mined = mined

    def forward(self, features: Features) -> Tensor:
        if features.matching is None:
            raise ValueError("image_text_matching is a term of a cross-encoder: there is nothing that matches pairs")
        right, wrong = _true_pairs(features.matching), _own_negatives(features, features.matching)
        if self.mined:
            wrong = torch.cat([wrong, mined_pairs(features, features.matching)], dim=1)
        pairs = torch.cat([right, wrong], dim=1)
        match = torch.arange(pairs.shape[1], device=pairs.device) < right.shape[1]
        losses = F.cross_entropy(features.matching.logits(*pairs), match.long(), reduction="none")
        return (mean_where(losses, match) + mean_where(losses, ~match)) / 2


def _true_pairs(matching: Matching) -> Tensor:
    """(2, P) int64: numbers of images, and of texts that are their own."""
    captions = _numbered(matching.captions[:, None])
    others = matching.positives != matching.captions[:, None]
    return torch.cat([captions, _numbered(matching.positives)[:, others.flatten()]], dim=1)


def _own_negatives(features: Features, matching: Matching) -> Tensor:
    """(2, P) int64: numbers of images, and of the valid negatives of their positives."""
    return _numbered(matching.negatives.flatten(1))[:, features.valid.flatten()]


def _numbered(texts: Tensor) -> Tensor:
    """(2, N * T) int64: each of texts (N, T) with the number of its row."""
    rows = torch.arange(len(texts), device=texts.device)
    return torch.stack([rows.repeat_interleave(texts.shape[1]), texts.flatten()])


def mined_pairs(features: Features, matching: Matching) -> Tensor:
    """(2, P) int64: for each image the caption of another, and for each caption another image, as far as there is one.

    A draw from a softmax is the argmax of the logits with Gumbel noise.
    """
    with torch.no_grad():
        count = len(features.images)
        images = torch.arange(count, device=features.images.device)
        taken = features.true_captions | (images[:, None] == images[None, :])
        logits = features.scale * features.images @ features.captions.T
        for_images = (logits + matching.noise[0]).masked_fill(taken, float("-inf"))
        for_captions = (logits + matching.noise[1]).masked_fill(taken, float("-inf"))
        texts = torch.stack([images, matching.captions[for_images.argmax(dim=1)]])[:, ~taken.all(dim=1)]
        image_pairs = torch.stack([for_captions.argmax(dim=0), matching.captions])[:, ~taken.all(dim=0)]
        return torch.cat([texts, image_pairs], dim=1)
