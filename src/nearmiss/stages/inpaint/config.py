"""Configuration of stage `inpaint`."""

from typing import Literal

from pydantic import Field, field_validator

from nearmiss.base.typed import Typed
from nearmiss.engine.images.editing.spec import AnyOperation, Gates, Quality, default_operations


class InpaintConfig(Typed):
    """Which counterfactual pairs are made."""

    seed: int = Field(0, ge=0, description="Seed of every draw.")
    split: Literal["train", "val", "test", "final"] = Field("test", description="Split whose pictures are edited.")
    captions: Literal["broad", "narrow"] = Field("narrow", description="Captions that are edited.")
    wording: Literal["exchange", "insert"] = Field(
        "exchange",
        description="exchange edits captions that name what changes; insert also writes a color or size into captions "
        "that name the thing alone, the true one into the original's.",
    )
    operations: list[AnyOperation] = Field(
        default_factory=default_operations, description="Operations and their options; an empty list makes no pairs."
    )
    each: int = Field(1, ge=1, description="Pairs that one operation makes of one picture at most.")
    gates: Gates = Field(default_factory=Gates, description="What an edited picture must hold to be kept.")
    quality: Quality = Field(default_factory=Quality, description="What every operation asks of a thing.")

    @field_validator("operations")
    @classmethod
    def _named_once(cls, operations: list[AnyOperation]) -> list[AnyOperation]:
        names = [each.operation for each in operations]
        if len(set(names)) < len(names):
            raise ValueError("each operation is named once")
        return operations
