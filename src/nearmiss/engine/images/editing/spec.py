"""Names and typed options of the editing operations. Each operation has one file in this folder."""

from typing import Annotated, Literal

from pydantic import Field

from nearmiss.base.typed import Typed

Side = Literal["on the left", "on the right", "at the top", "at the bottom"]


class Quality(Typed):
    """Requirements of every operation. All thresholds are our choice."""

    feather: float = Field(2.0, ge=0.5, description="Width in pixels of the border over which an edit fades out.")
    shadow: float = Field(
        0.2, ge=0, le=1, description="Width of the ring around an object with its shadow, as a share of its extent."
    )
    smallest: float = Field(0.004, ge=0, lt=1, description="An object covers at least this share of the image.")
    largest: float = Field(0.35, gt=0, le=1, description="An object covers at most this share of the image.")
    overlap: float = Field(
        0.0, ge=0, lt=1, description="Share of the pixels to be painted that may belong to other objects."
    )
    measured: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Share of an object's pixels that must look like one color for it to count as known where no "
        "annotation names one; null measures none.",
    )
    source: float = Field(
        0.8, gt=0, description="Background from which a hole is filled, at least this many times the hole's pixels."
    )


class Gates(Typed):
    """Thresholds that an edited image must meet to be kept; `null` disables a gate. All are our choice."""

    changed: float = Field(0.0, ge=0, le=1, description="Share of the edit's mask that differs from the original.")
    likeness: float = Field(
        0.0, ge=0, le=1, description="Share of a recolored object that must look like the new color."
    )
    seam: float | None = Field(
        None, gt=1, description="Gradient along the edit's border, at most this many times the original's there."
    )
    recolored: float = Field(0.0, ge=0, le=1, description="As `changed`, for an object with a new color.")
    rougher: float | None = Field(
        None,
        gt=1,
        description="Sharpness and grain of the object increase at most by this factor; dark objects turn blotchy.",
    )
    softer: float | None = Field(
        None, gt=1, description="Sharpness and grain of the object decrease at most by this factor."
    )
    unlike: float | None = Field(
        None,
        gt=1,
        description="Sharpness and grain of a replacement differ at most by this factor from those of the original "
        "object.",
    )


class RecolorConfig(Typed):
    """An object gets another color; shading and texture stay."""

    operation: Literal["recolor"] = "recolor"
    pairs: int = Field(40, ge=0, description="Pairs that are made at most.")
    distance: float = Field(
        40.0,
        ge=0,
        description="Least CIELAB distance of the new color from all colors in the image.",
    )
    resemblance: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the object's pixels that must look like its annotated color.",
    )


class ReplaceConfig(Typed):
    """An object is replaced by another one of the same extent, taken from another image of the split."""

    operation: Literal["replace"] = "replace"
    pairs: int = Field(40, ge=0, description="Pairs that are made at most.")
    aspect: float = Field(1.5, ge=1, description="Ratio of width to height differs at most by this factor.")
    enlarged: float = Field(1.6, ge=1, description="The donor object is enlarged at most by this factor.")
    tried: int = Field(6, ge=1, description="Donor objects that are tried for each object.")
    stature: float | None = Field(
        None,
        ge=1,
        description="Usual sizes of the two objects differ at most by this factor, so that no horse replaces a dog; "
        "null compares none.",
    )
    whole: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the donor's pixels in its largest connected component.",
    )
    shape: float = Field(
        0.0, ge=0, le=1, description="Overlap of the two outlines (intersection over union) must be at least this."
    )
    light: float = Field(
        0.0,
        ge=0,
        le=1,
        description="How far the donor object is adapted to the brightness of the image.",
    )
    rests: Literal["center", "foot"] = Field(
        "center",
        description="Point of the old object's box at which the donor is aligned.",
    )


class RescaleConfig(Typed):
    """A small object becomes large, or a large one small."""

    operation: Literal["rescale"] = "rescale"
    pairs: int = Field(40, ge=0, description="Pairs that are made at most.")
    factor: float = Field(1.32, gt=1, description="Ratio of large to small (1.32 is that of the synthetic world).")
    unnamed: bool = Field(
        False, description="Objects without an annotated size count as small: they are compared with themselves."
    )
    rests: Literal["center", "foot"] = Field(
        "center", description="Point of the object that stays fixed; in a photograph, most objects stand on a surface."
    )


class MoveConfig(Typed):
    """An object moves to the mirrored position in the other half."""

    operation: Literal["move"] = "move"
    pairs: int = Field(40, ge=0, description="Pairs that are made at most.")
    sides: list[Side] = Field(
        ["on the left", "on the right", "at the top", "at the bottom"],
        min_length=1,
        description="Halves that an object may leave; in a photograph, up and down are rarely free.",
    )
    distance: float = Field(
        0.15, gt=0, lt=1, description="The object's center moves at least by this share of the image side."
    )


class RemoveConfig(Typed):
    """One of several objects of a name is removed, so that their number changes."""

    operation: Literal["remove"] = "remove"
    pairs: int = Field(40, ge=0, description="Pairs that are made at most.")
    fewest: int = Field(2, ge=2, description="Least number of objects of the name.")


class DiffusionConfig(Typed):
    """An inpainting or editing pipeline of diffusers, and its options."""

    pipeline: str = Field(description="A folder with a saved pipeline, or its name on the hub.")
    prompt: str = Field(
        "a photo of {thing}",
        pattern=r"\{thing\}",
        description="Prompt of an inpainting pipeline; {thing} is the object.",
    )
    instruction: str = Field(
        "replace the {old} with {thing}, keep everything else unchanged",
        pattern=r"\{thing\}",
        description="Prompt of an editing pipeline, which takes no mask; {old} is the object as it is.",
    )
    negative_prompt: str = Field(
        "blurry, distorted, text, frame", description="Negative prompt, where one is accepted."
    )
    candidates: int = Field(4, ge=1, description="Images per edit, of which the best is kept.")
    steps: int = Field(50, ge=1, description="Denoising steps.")
    guidance: float | None = Field(
        None, ge=1, description="Scale of classifier-free guidance; null for the pipeline's own default."
    )
    strength: float = Field(
        1.0, gt=0, le=1, description="Share of noise that an inpainting pipeline adds to the mask; 1 paints from noise."
    )
    side: int = Field(512, ge=16, description="Longer side in pixels at which an image is painted.")
    precision: Literal["fp32", "fp16", "bf16"] = Field("fp16", description="Precision on a GPU; a CPU takes fp32.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one.")


class RepaintColorConfig(Typed):
    """A diffusion model repaints the object in another color."""

    operation: Literal["repaint_color"] = "repaint_color"
    diffusion: DiffusionConfig = Field(description="The model that paints.")
    pairs: int = Field(40, ge=0, description="Pairs that are made at most.")
    distance: float = Field(40.0, ge=0, description="CIELAB distance of the new color, as for recolor.")
    resemblance: float = Field(
        0.5, ge=0, le=1, description="Share of the object's pixels that must look like the new color."
    )

    def as_recolor(self) -> RecolorConfig:
        """The same options for recoloring without a model."""
        return RecolorConfig(pairs=self.pairs, distance=self.distance)


class RepaintObjectConfig(Typed):
    """A diffusion model replaces an object by another one."""

    operation: Literal["repaint_object"] = "repaint_object"
    diffusion: DiffusionConfig = Field(description="The model that paints.")
    pairs: int = Field(40, ge=0, description="Pairs that are made at most.")
    tried: int = Field(3, ge=1, description="Other object names that are tried for each object.")
    resemblance: float = Field(
        0.3, ge=0, le=1, description="Share of its pixels that must look like its color, where known."
    )
    room: float = Field(0.1, ge=0, le=1, description="Margin around the old outline, as a share of its extent.")


OperationConfig = (
    RecolorConfig | ReplaceConfig | RescaleConfig | MoveConfig | RemoveConfig | RepaintColorConfig | RepaintObjectConfig
)
AnyOperation = Annotated[OperationConfig, Field(discriminator="operation")]


def default_operations() -> list[AnyOperation]:
    """Every operation with its defaults."""
    return [RecolorConfig(), ReplaceConfig(), RescaleConfig(), MoveConfig(), RemoveConfig()]
