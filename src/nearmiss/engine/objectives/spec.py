"""Names and typed options of the loss terms. One file per term lies beside this one; an objective is their sum."""

from typing import Annotated, Literal

from pydantic import Field

from nearmiss.base.typed import Typed

Weight = Annotated[float, Field(gt=0)]


class Contrastive(Typed):
    """Symmetric cross-entropy over images and captions of the batch (CLIP, ICML 2021)."""

    term: Literal["contrastive"] = "contrastive"
    weight: Weight = 1.0


class HardNegativeColumns(Typed):
    """Contrastive, with negatives as further columns of the image-to-text softmax (Rösch et al.; NegCLIP)."""

    term: Literal["hard_negative_columns"] = "hard_negative_columns"
    weight: Weight = 1.0
    negatives: Literal["all", "own"] = Field(
        "all",
        description="all: every image sees all negatives of the batch; own: only those of its own caption.",
    )


class OwnNegatives(Typed):
    """Cross-entropy of an image over its own positive text and that text's negatives."""

    term: Literal["own_negatives"] = "own_negatives"
    weight: Weight = 1.0


class IntraModalContrast(Typed):
    """Pushes a caption away from its negatives among the texts (CE-CLIP section 3; the 7f4433a form)."""

    term: Literal["intra_modal_contrast"] = "intra_modal_contrast"
    weight: Weight = 0.2
    negatives: Literal["all", "own"] = Field(
        "own", description="own: a caption is pushed away from its own negatives; all: from all of the batch."
    )


class CrossModalRank(Typed):
    """Hinge between the true caption and each negative with an adaptive threshold (CE-CLIP section 3)."""

    term: Literal["cross_modal_rank"] = "cross_modal_rank"
    weight: Weight = 0.4
    threshold: Literal["mean", "max", "fixed"] = Field("mean", description="How the threshold follows the gap.")
    cap: float = Field(0.10, gt=0, description="Upper bound of the threshold, in cosine units (our choice).")


Term = Annotated[
    Contrastive | HardNegativeColumns | OwnNegatives | IntraModalContrast | CrossModalRank,
    Field(discriminator="term"),
]
