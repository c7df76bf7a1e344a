"""Objectives of the papers by name, as sums of terms. Weights are the papers' where they state them."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator

from nearmiss.engine.objectives.spec import (
    Contrastive,
    CrossModalRank,
    CrossModalRankReleased,
    FocalOwnNegatives,
    HardNegativeColumns,
    HardPositive,
    ImageTextMatching,
    IntraModalContrast,
    IntraModalContrastReleased,
    OwnNegatives,
    Sigmoid,
    Term,
)

Preset = Literal[
    "clip", "siglip", "negclip", "roesch", "ce_clip", "ce_clip_released", "hnc", "hnc_itm", "fsc_clip", "hard_positive"
]

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
    # With a matching head, contrast beside it as in ALBEF; weights of one, as there.
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
