"""Names and typed options of the loss terms, and the papers' objectives by name.

One file per term lies next to this one; an objective is their weighted sum.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from nearmiss.base.typed import Typed

Weight = Annotated[float, Field(gt=0)]
Mask = Literal["none", "same_image", "truth"]  # of false negatives; see features.taken_for_true
Rule = Literal["mean", "max", "fixed"]


class Contrastive(Typed):
    """Symmetric cross-entropy over images and captions of the batch (CLIP, ICML 2021)."""

    term: Literal["contrastive"] = "contrastive"
    weight: Weight = 1.0


class ContrastivePositives(Typed):
    """Symmetric cross-entropy over images and the positives that the method writes, without negatives (our choice)."""

    term: Literal["contrastive_positives"] = "contrastive_positives"
    weight: Weight = 1.0


class Sigmoid(Typed):
    """A sigmoid for every pair of image and text, with a learned bias (SigLIP, ICCV 2023)."""

    term: Literal["sigmoid"] = "sigmoid"
    weight: Weight = 1.0
    negatives: Literal["none", "own", "all"] = Field(
        "none", description="Hard negatives that every image is contrasted with as well."
    )
    bias: float = Field(-10.0, description="The bias at first, in logits.")


class HardNegativeColumns(Typed):
    """Contrastive, with negatives as further columns of the image-to-text softmax (Rösch et al.; NegCLIP)."""

    term: Literal["hard_negative_columns"] = "hard_negative_columns"
    weight: Weight = 1.0
    negatives: Literal["all", "own", "released"] = Field(
        "all",
        description="all: every image sees all negatives of the batch; own: only those of its own caption; released: "
        "all, and a placeholder text where there is none, as CE-CLIP's release has it.",
    )


class OwnNegatives(Typed):
    """Cross-entropy of an image over its own positive text and that text's negatives."""

    term: Literal["own_negatives"] = "own_negatives"
    weight: Weight = 1.0


class FocalOwnNegatives(Typed):
    """The same with a focal weight and smoothed labels (FSC-CLIP, EMNLP 2024)."""

    term: Literal["focal_own_negatives"] = "focal_own_negatives"
    weight: Weight = 0.5
    gamma: float = Field(2.0, ge=0, description="Exponent of the focal weight.")
    smoothing: float = Field(0.02, ge=0, lt=1, description="Share of the label that is spread over all texts.")


class IntraModalContrast(Typed):
    """Pushes a caption away from its negatives among the texts (CE-CLIP section 3; the 7f4433a form)."""

    term: Literal["intra_modal_contrast"] = "intra_modal_contrast"
    weight: Weight = 0.2
    negatives: Literal["all", "own"] = Field(
        "own", description="own: a caption is pushed away from its own negatives; all: from all of the batch."
    )


class IntraModalContrastReleased(Typed):
    """CE-CLIP's intra-modal loss as released, in one of its three forms."""

    term: Literal["intra_modal_contrast_released"] = "intra_modal_contrast_released"
    weight: Weight = 0.3
    form: Literal["true_pair", "first_negative", "no_positive"] = Field(
        "no_positive", description="Target of the softmax; no_positive is the last released form."
    )


class CrossModalRank(Typed):
    """Hinge between the true caption and each negative with an adaptive threshold (CE-CLIP section 3)."""

    term: Literal["cross_modal_rank"] = "cross_modal_rank"
    weight: Weight = 0.4
    threshold: Rule = Field("mean", description="How the threshold follows the gap.")
    cap: float = Field(0.10, gt=0, description="Upper bound of the threshold, in cosine units (our choice).")


class CrossModalRankReleased(Typed):
    """CE-CLIP's rank loss as released: in logits, over all slots, thresholds from 0 in every epoch."""

    term: Literal["cross_modal_rank_released"] = "cross_modal_rank_released"
    weight: Weight = 0.2
    threshold: Rule = Field("mean", description="How the threshold follows the gap.")
    bound: float = Field(10.0, gt=0, description="Upper bound of the threshold, in logits.")


class HardPositive(Typed):
    """A caption's paraphrase is nearer to the image than the caption's negatives (our choice)."""

    term: Literal["hard_positive"] = "hard_positive"
    weight: Weight = 1.0


class ImageTextMatching(Typed):
    """A fusion of both towers classifies whether a text is true of an image (ALBEF; HNC): trains a cross-encoder."""

    term: Literal["image_text_matching"] = "image_text_matching"
    weight: Weight = 1.0
    mined: bool = Field(
        True, description="Also use pairs of the batch that the dual part confuses, as in ALBEF; else only own ones."
    )


def needs_negatives(term: "Term") -> bool:
    """Whether a term requires a method of hard negatives."""
    if isinstance(term, Sigmoid):
        return term.negatives != "none"
    if isinstance(term, ImageTextMatching):
        return not term.mined
    return not isinstance(term, Contrastive)


def needs_positives(terms: Sequence["Term"]) -> bool:
    """Whether an objective requires a method that writes positives."""
    return any(isinstance(term, ContrastivePositives) for term in terms)


def reads_negatives(terms: Sequence["Term"]) -> bool:
    """Whether an objective compares with hard negatives; else they are not encoded."""
    return any(uses_negatives(term) and not isinstance(term, ContrastivePositives) for term in terms)


def uses_negatives(term: "Term") -> bool:
    """Whether hard negatives change the value of a term."""
    return needs_negatives(term) or isinstance(term, ImageTextMatching)


def needs_fusion(terms: Sequence["Term"]) -> bool:
    """Whether an objective trains a cross-encoder."""
    return any(isinstance(term, ImageTextMatching) for term in terms)


def needs_paraphrases(terms: Sequence["Term"]) -> bool:
    """Whether an objective compares with paraphrases."""
    return any(isinstance(term, HardPositive) for term in terms)


def needs_placeholder(terms: Sequence["Term"]) -> bool:
    """Whether an objective counts absent negatives as texts, as CE-CLIP's release does."""
    return any(
        isinstance(term, IntraModalContrastReleased)
        or (isinstance(term, HardNegativeColumns) and term.negatives == "released")
        for term in terms
    )


Term = Annotated[
    Contrastive
    | ContrastivePositives
    | Sigmoid
    | HardNegativeColumns
    | OwnNegatives
    | FocalOwnNegatives
    | IntraModalContrast
    | IntraModalContrastReleased
    | CrossModalRank
    | CrossModalRankReleased
    | HardPositive
    | ImageTextMatching,
    Field(discriminator="term"),
]

Preset = Literal[
    "clip", "siglip", "negclip", "roesch", "ce_clip", "ce_clip_released", "hnc", "hnc_itm", "fsc_clip", "hard_positive"
]

# Weights are the papers' where they state them.
PRESETS: dict[str, list[Term]] = {
    "clip": [Contrastive()],
    "siglip": [Sigmoid()],
    # NegCLIP (ICLR 2023) also adds images that look alike, with their captions; here the batch is the same for all.
    "negclip": [HardNegativeColumns()],
    "roesch": [HardNegativeColumns()],
    "ce_clip": [HardNegativeColumns(), IntraModalContrast(), CrossModalRank()],
    "ce_clip_released": [
        HardNegativeColumns(negatives="released"),
        IntraModalContrastReleased(),
        CrossModalRankReleased(),
    ],
    # HNC (CoNLL 2023) trains a matching head; a dual encoder ranks each pair instead (our choice).
    "hnc": [Contrastive(), OwnNegatives(weight=3.0)],
    # With a matching head, contrast next to it as in ALBEF; weights of one, as there.
    "hnc_itm": [Contrastive(), ImageTextMatching()],
    "fsc_clip": [Contrastive(), FocalOwnNegatives()],
    "hard_positive": [HardNegativeColumns(), HardPositive()],
}


def _terms_of(value: Any) -> Any:
    """The terms of a preset where a name is given; anything else as it is."""
    if isinstance(value, str):
        if value not in PRESETS:
            raise ValueError(f"there is no objective '{value}'; take one of {', '.join(get_args(Preset))}, or terms")
        return PRESETS[value]
    return value


Terms = Annotated[list[Term], BeforeValidator(_terms_of, json_schema_input_type=Preset | list[Term])]
