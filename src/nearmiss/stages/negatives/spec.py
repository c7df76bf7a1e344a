"""Names and typed options of the methods that make negatives. One file per method lies beside this one."""

from typing import Literal

from pydantic import Field

from nearmiss.base.typed import Typed

Concept = Literal["object", "color", "size", "location"]
Slot = Literal["relation", "attribute", "object", "action"]


class RandomConfig(Typed):
    """Captions of other images, checked against the annotations: the control for text count without hardness."""

    method: Literal["random"] = "random"
    per_caption: int = Field(4, ge=1, description="Negatives for each caption.")


class KeywordConfig(Typed):
    """Keyword substitution (Rösch et al., ALVR 2024)."""

    method: Literal["keyword"] = "keyword"
    concepts: list[Concept] = Field(
        ["object", "color", "size", "location"], description="Concepts whose keywords are substituted."
    )
    per_caption: int = Field(
        4, ge=1, description="At most this many negatives for each caption (our choice)."
    )


class SceneGraphConfig(Typed):
    """Captions and foils from scene graphs (HNC, CoNLL 2023)."""

    method: Literal["scene_graph"] = "scene_graph"
    types: list[str] = Field(
        ["attribute", "object", "relation_subj", "relation_obj", "relation_pred", "obj_count"],
        description="Caption types, by the paper's names.",
    )
    per_image: int = Field(12, ge=1, description="At most this many pairs for each image.")


class ReplaceConfig(Typed):
    """Four negatives per caption from part-of-speech tags (CE-CLIP, CVPR 2024)."""

    method: Literal["replace"] = "replace"
    slots: list[Slot] = Field(
        ["relation", "attribute", "object", "action"], description="Slots, in the paper's order."
    )


MethodConfig = RandomConfig | KeywordConfig | SceneGraphConfig | ReplaceConfig
