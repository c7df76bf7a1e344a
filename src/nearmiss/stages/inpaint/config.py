"""Configuration of stage `inpaint`."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, field_validator

from nearmiss.base.extras import require
from nearmiss.base.typed import Seed, Typed
from nearmiss.engine.images.editing.spec import (
    AnyOperation,
    DiffusionConfig,
    Gates,
    MoveConfig,
    Quality,
    RecolorConfig,
    RemoveConfig,
    RepaintColorConfig,
    RepaintObjectConfig,
    ReplaceConfig,
    RescaleConfig,
    default_operations,
)


class InpaintConfig(Typed):
    """Options of stage `inpaint`."""

    seed: Seed = Field(0, description="Seed of every draw.")
    split: Literal["train", "val", "test", "final"] = Field("test", description="Split of the images that are edited.")
    captions: str | None = Field(
        None, description="Caption set that is edited; null for the default of the data source."
    )
    wording: Literal["exchange", "insert"] = Field(
        "exchange",
        description="exchange: edit captions that name the changed value; insert: also insert a color or size into "
        "captions that only name the object, the true value for the original.",
    )
    operations: list[AnyOperation] = Field(
        default_factory=default_operations, description="Operations and their options; an empty list makes no pairs."
    )
    each: int = Field(1, ge=1, description="Maximum number of pairs per image and operation.")
    gates: Gates = Field(default_factory=Gates, description="Quality gates of an edited image.")
    quality: Quality = Field(default_factory=Quality, description="Requirements of every operation for an object.")

    @field_validator("operations")
    @classmethod
    def _named_once(cls, operations: list[AnyOperation]) -> list[AnyOperation]:
        names = [each.operation for each in operations]
        if len(set(names)) < len(names):
            raise ValueError("an operation is given twice")
        return operations


def check_packages(operations: Sequence[AnyOperation]) -> None:
    """Raise InputError where an operation needs a package of an extra that is not installed."""
    for each in operations:
        if isinstance(each, RepaintColorConfig | RepaintObjectConfig):
            require("diffusers", "diffusion", f"the operation '{each.operation}'")


def of_photographs(seed: int, pipeline: str | None = None, pairs: int = 1000) -> InpaintConfig:
    """Options for photographs without annotated colors and sizes; `pipeline` replaces the classical operations on color
    and object. All values are our choice, tuned on 102 photographs of COCO (docs/inpaint.md)."""
    operations: list[AnyOperation] = [
        RecolorConfig(pairs=pairs, distance=35),
        ReplaceConfig(
            pairs=pairs, aspect=2.0, enlarged=2.0, tried=60, stature=2.6, whole=0.97, shape=0.3, light=0.5, rests="foot"
        ),
        RescaleConfig(pairs=pairs, factor=1.35, unnamed=True, rests="foot"),
        MoveConfig(pairs=pairs, sides=["on the left", "on the right"]),
        RemoveConfig(pairs=pairs),
    ]
    if pipeline is not None:
        diffusion = DiffusionConfig(pipeline=pipeline)
        operations = [
            RepaintColorConfig(pairs=pairs, distance=35, diffusion=diffusion),
            RepaintObjectConfig(pairs=pairs, diffusion=diffusion),
        ]
    return InpaintConfig(
        seed=seed,
        split="test",
        wording="insert",
        each=6,
        gates=Gates(changed=0.3, recolored=0.8, likeness=0.5, seam=1.5, rougher=1.3, softer=2.5, unlike=2.5),
        quality=Quality(measured=0.35, overlap=0.05, smallest=0.003, largest=0.45),
        operations=operations,
    )
