"""Batches of random embeddings, and every loss term with its variants."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from nearmiss.base.seeding import array_rng
from nearmiss.engine.objectives import spec
from nearmiss.engine.objectives.features import Features, taken_for_true
from nearmiss.engine.objectives.registry import Objective

TERMS = {
    "contrastive": spec.Contrastive(),
    "hard_negative_columns all": spec.HardNegativeColumns(negatives="all"),
    "hard_negative_columns own": spec.HardNegativeColumns(negatives="own"),
    "hard_negative_columns released": spec.HardNegativeColumns(negatives="released"),
    "sigmoid none": spec.Sigmoid(bias=-4.0),
    "sigmoid own": spec.Sigmoid(negatives="own", bias=-4.0),
    "sigmoid all": spec.Sigmoid(negatives="all", bias=-4.0),
    "own_negatives": spec.OwnNegatives(),
    "focal_own_negatives": spec.FocalOwnNegatives(),
    "focal_own_negatives plain": spec.FocalOwnNegatives(gamma=0.0, smoothing=0.0),
    "intra_modal_contrast own": spec.IntraModalContrast(negatives="own"),
    "intra_modal_contrast all": spec.IntraModalContrast(negatives="all"),
    "cross_modal_rank mean": spec.CrossModalRank(threshold="mean"),
    "cross_modal_rank max": spec.CrossModalRank(threshold="max"),
    "cross_modal_rank fixed": spec.CrossModalRank(threshold="fixed"),
    "intra_modal_contrast_released true_pair": spec.IntraModalContrastReleased(form="true_pair"),
    "intra_modal_contrast_released first_negative": spec.IntraModalContrastReleased(form="first_negative"),
    "intra_modal_contrast_released no_positive": spec.IntraModalContrastReleased(form="no_positive"),
    "cross_modal_rank_released mean": spec.CrossModalRankReleased(threshold="mean"),
    "cross_modal_rank_released fixed": spec.CrossModalRankReleased(threshold="fixed"),
    "hard_positive": spec.HardPositive(),
}
RELEASED = [name for name in TERMS if name.endswith(" released") or name.startswith("intra_modal_contrast_released")]
TYPES = ("attribute", "object", "relation")


@dataclass(frozen=True, kw_only=True)
class Example(Features):
    """Features with what the masks are made of: which texts are the same, and which may serve other images."""

    caption_ids: Tensor  # (N,)
    positive_ids: Tensor  # (N, G)
    negative_ids: Tensor  # (N, G, K)
    for_others: Tensor  # (N, G, K) bool


def masked(f, mask="same_image", truth=None, **changed):
    """The same example after a change of what its masks are made of."""
    f = replace(f, **changed)
    captions, negatives = taken_for_true(
        mask,
        captions=f.caption_ids,
        positives=f.positive_ids,
        negatives=f.negative_ids,
        for_others=f.for_others,
        truth=truth,
    )
    return replace(f, true_captions=captions, true_negatives=negatives)


def features(name="batch", n=6, g=1, k=3, d=8, *, collide=True):
    """A batch of random float64 embeddings; two captions are the same text, and some negatives are absent."""
    draws = array_rng(0, "losses", name)

    def unit(*shape):
        return F.normalize(torch.tensor(draws.normal(size=(*shape, d))), dim=-1)

    images, captions, positives, negatives = unit(n), unit(n), unit(n, g), unit(n, g, k)
    caption_ids = torch.arange(n)
    if collide:
        caption_ids[3] = 1
        captions[3] = captions[1]
    positive_ids = 100 + torch.arange(n * g).reshape(n, g)
    if g == 1:
        positives, positive_ids = captions[:, None], caption_ids[:, None]
    negative_ids = 1000 + torch.arange(n * g * k).reshape(n, g, k)
    if collide and k:
        negative_ids[0, 0, 0] = 2  # image 0's first negative is image 2's own caption
        negatives[0, 0, 0] = captions[2]
    example = Example(
        images=images,
        captions=captions,
        positives=positives,
        negatives=negatives,
        valid=torch.tensor(draws.random((n, g, k)) < 0.7),
        scale=torch.tensor(12.5, dtype=torch.float64),
        caption_ids=caption_ids,
        positive_ids=positive_ids,
        negative_ids=negative_ids,
        for_others=torch.tensor(draws.random((n, g, k)) < 0.8),
        kinds=torch.tensor(draws.integers(0, len(TYPES), (n, g, k))),
        paraphrases=positives,
        paraphrased=torch.tensor(draws.random((n, g)) < 0.6),
        true_captions=torch.zeros(n, n, dtype=torch.bool),
        true_negatives=torch.zeros(n, n * g * k, dtype=torch.bool),
    )
    otherwise = torch.where(example.paraphrased[..., None], unit(n, g), positives)
    return masked(example, paraphrases=otherwise)


BATCHES = {"captions": features("captions"), "pairs": features("pairs", g=2, k=1)}


def exact(terms):
    """An objective in float64; a fixed threshold is made of the cap itself and not of its nearest float32."""
    objective = Objective(terms, TYPES).double()
    for term in terms:
        if isinstance(term, spec.CrossModalRank) and term.threshold == "fixed":
            objective.terms[term.term].threshold.fill_(term.cap)
    return objective


def computed(term, f):
    return exact([term])(f)[1][term.term].item()
