"""Names and typed options of the operations on pictures. One file per operation lies beside this one."""

from typing import Annotated, Literal

from pydantic import Field

from nearmiss.base.typed import Typed

Side = Literal["on the left", "on the right", "at the top", "at the bottom"]


class Quality(Typed):
    """What every operation asks of a thing and of its own work. All thresholds are our choice."""

    feather: float = Field(2.0, ge=0.5, description="Width in pixels of the border over which an edit fades out.")
    shadow: float = Field(
        0.2, ge=0, le=1, description="Width of the ring around a thing that holds its shadow, as a share of its extent."
    )
    smallest: float = Field(0.004, ge=0, lt=1, description="A thing covers at least this share of the picture.")
    largest: float = Field(0.35, gt=0, le=1, description="A thing covers at most this share of the picture.")
    overlap: float = Field(
        0.0, ge=0, lt=1, description="Share of the pixels to be painted that may belong to other things."
    )
    measured: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Share of a thing's pixels that must look like one color for that to be taken for known where "
        "nobody named one; null measures none.",
    )
    source: float = Field(
        0.8, gt=0, description="Background from which a hole is filled, at least this many times the hole's pixels."
    )


class Gates(Typed):
    """What an edited picture must hold to be kept; `null` leaves a gate open. All thresholds are our choice."""

    changed: float = Field(0.0, ge=0, le=1, description="Share of the edit's mask that differs from the original.")
    likeness: float = Field(
        0.0, ge=0, le=1, description="Share of a recolored thing that must look like the new color."
    )
    seam: float | None = Field(
        None, gt=1, description="Gradient along the edit's border, at most this many times the original's there."
    )
    recolored: float = Field(0.0, ge=0, le=1, description="The same share, where a thing took another color.")
    rougher: float | None = Field(
        None,
        gt=1,
        description="Sharpness and grain of the thing grow at most by this factor: dark things turn blotchy.",
    )
    softer: float | None = Field(
        None, gt=1, description="Sharpness and grain of the thing shrink at most by this factor."
    )
    unlike: float | None = Field(
        None,
        gt=1,
        description="Sharpness and grain of another thing differ at most by this factor from those of the one whose "
        "place it took.",
    )


class RecolorConfig(Typed):
    """A thing takes another color; shading and texture stay."""

    operation: Literal["recolor"] = "recolor"
    pairs: int = Field(40, ge=0, description="Pairs that are made at most.")
    distance: float = Field(
        40.0, ge=0, description="CIELAB distance that the new color keeps from the old one and from all in the picture."
    )
    resemblance: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the thing's pixels that must look like the color that it is said to have.",
    )


class ReplaceConfig(Typed):
    """A thing gives way to another one of the same extent, taken from another picture of the split."""

    operation: Literal["replace"] = "replace"
    pairs: int = Field(40, ge=0, description="Pairs that are made at most.")
    aspect: float = Field(1.5, ge=1, description="Ratio of width to height differs at most by this factor.")
    enlarged: float = Field(1.6, ge=1, description="The other thing is enlarged at most by this factor.")
    tried: int = Field(6, ge=1, description="Other things that are tried in the place of one.")
    stature: float | None = Field(
        None,
        ge=1,
        description="Usual sizes of the two things differ at most by this factor, so that no horse stands where a dog "
        "did; null compares none.",
    )
    whole: float = Field(
        0.0, ge=0, le=1, description="Share of the other thing's pixels that must hang together, so that it is whole."
    )
    shape: float = Field(
        0.0, ge=0, le=1, description="Overlap of the two outlines (intersection over union) must be at least this."
    )
    light: float = Field(
        0.0,
        ge=0,
        le=1,
        description="How far the other thing takes on the brightness of the picture that it comes into.",
    )
    rests: Literal["center", "foot"] = Field(
        "center", description="What of the old thing's box the other one is laid by; most things stand on something."
    )


class RescaleConfig(Typed):
    """A small thing becomes large, a large one small, about its center."""

    operation: Literal["rescale"] = "rescale"
    pairs: int = Field(40, ge=0, description="Pairs that are made at most.")
    factor: float = Field(1.32, gt=1, description="Ratio of large to small (1.32 is that of the embedded world).")
    unnamed: bool = Field(
        False, description="Things whose size nobody named are taken for small ones: they are compared with themselves."
    )
    rests: Literal["center", "foot"] = Field(
        "center", description="What of the thing stays where it is; in a photograph, most things stand on something."
    )


class MoveConfig(Typed):
    """A thing moves to the mirrored place in the other half."""

    operation: Literal["move"] = "move"
    pairs: int = Field(40, ge=0, description="Pairs that are made at most.")
    sides: list[Side] = Field(
        ["on the left", "on the right", "at the top", "at the bottom"],
        min_length=1,
        description="Halves that a thing may leave; in a photograph, up and down are rarely free.",
    )
    distance: float = Field(
        0.15, gt=0, lt=1, description="The thing's center moves at least by this share of the picture's side."
    )


class RemoveConfig(Typed):
    """One of several things of a name goes, so that their number is another."""

    operation: Literal["remove"] = "remove"
    pairs: int = Field(40, ge=0, description="Pairs that are made at most.")
    fewest: int = Field(2, ge=2, description="Things of the name that there must be.")


class DiffusionConfig(Typed):
    """An inpainting pipeline of diffusers, and how it paints."""

    pipeline: str = Field(description="A folder that a pipeline was saved to, or its name on the hub.")
    prompt: str = Field("a photo of {thing}", pattern=r"\{thing\}", description="What is asked for.")
    negative_prompt: str = Field("blurry, distorted, text, frame", description="What is asked not to be there.")
    candidates: int = Field(4, ge=1, description="Paintings of each plan, made in one batch; the best is kept.")
    steps: int = Field(50, ge=1, description="Steps of denoising.")
    guidance: float = Field(7.5, ge=1, description="Strength of the prompt (classifier-free guidance).")
    side: int = Field(512, ge=16, description="Longer side in pixels at which a picture is painted.")
    precision: Literal["fp32", "fp16", "bf16"] = Field("fp16", description="Precision on a GPU; a CPU takes fp32.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one.")


class RepaintColorConfig(Typed):
    """A diffusion model paints the thing anew in another color."""

    operation: Literal["repaint_color"] = "repaint_color"
    diffusion: DiffusionConfig = Field(description="The model that paints.")
    pairs: int = Field(40, ge=0, description="Pairs that are made at most.")
    distance: float = Field(40.0, ge=0, description="CIELAB distance of the new color, as for recolor.")
    resemblance: float = Field(
        0.5, ge=0, le=1, description="Share of the thing's pixels that must look like the new color."
    )

    def as_recolor(self) -> RecolorConfig:
        """The same choice of colors without a model."""
        return RecolorConfig(pairs=self.pairs, distance=self.distance)


class RepaintObjectConfig(Typed):
    """A diffusion model paints another thing in the place of one."""

    operation: Literal["repaint_object"] = "repaint_object"
    diffusion: DiffusionConfig = Field(description="The model that paints.")
    pairs: int = Field(40, ge=0, description="Pairs that are made at most.")
    tried: int = Field(3, ge=1, description="Other sorts of thing that are tried in its place.")
    resemblance: float = Field(
        0.3, ge=0, le=1, description="Share of its pixels that must look like its color, where that is known."
    )
    room: float = Field(0.1, ge=0, le=1, description="Room around the old outline, as a share of the thing's extent.")


OperationConfig = (
    RecolorConfig | ReplaceConfig | RescaleConfig | MoveConfig | RemoveConfig | RepaintColorConfig | RepaintObjectConfig
)
AnyOperation = Annotated[OperationConfig, Field(discriminator="operation")]


def default_operations() -> list[AnyOperation]:
    """Every operation with its defaults."""
    return [RecolorConfig(), ReplaceConfig(), RescaleConfig(), MoveConfig(), RemoveConfig()]
