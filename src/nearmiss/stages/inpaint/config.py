"""Configuration of stage `inpaint`."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, field_validator

from nearmiss.base.extras import require
from nearmiss.base.typed import Seed, Typed
from nearmiss.engine.images.editing.spec import (
    AnyOperation,
    Gates,
    Quality,
    RepaintColorConfig,
    RepaintObjectConfig,
    default_operations,
)


class ModelFilter(Typed):
    """A model of open_clip; pairs whose images it does not assign to their captions are rejected."""

    name: str = Field(min_length=1, description="Name of the model.")
    pretrained: str | None = Field(None, description="Tag or file of its weights; null for random weights.")


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
    model_filter: ModelFilter | None = Field(
        None, description="Model that must assign both images of a pair to their captions; null to accept every pair."
    )

    def painting_devices(self) -> list[str]:
        """The device of each operation that a diffusion pipeline makes."""
        return [
            each.diffusion.device
            for each in self.operations
            if isinstance(each, RepaintColorConfig | RepaintObjectConfig)
        ]

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
