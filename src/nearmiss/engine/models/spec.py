"""Names and typed options of the towers that are trained from random weights."""

from typing import Literal

from pydantic import Field

from nearmiss.base.typed import Typed


class ModelConfig(Typed):
    """A small open_clip configuration: image tower, text tower and the joint embedding."""

    image_tower: Literal["nearmiss_conv"] = Field(
        "nearmiss_conv", description="Image tower, a timm model name."
    )
    image_size: int = Field(48, ge=16, description="Side in pixels at which the model sees images.")
    embed_dim: int = Field(128, ge=8, description="Dimension of the joint embedding.")
    text_width: int = Field(128, ge=8, description="Width of the text tower.")
    text_layers: int = Field(
        2, ge=1, description="Layers of the text tower; one learns no word order in a short run."
    )
    text_heads: int = Field(4, ge=1, description="Attention heads of the text tower.")
    context_length: int = Field(24, ge=8, description="Most tokens of a caption, start and end included.")
