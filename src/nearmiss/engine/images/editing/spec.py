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
    source: float = Field(
        0.8, gt=0, description="Background from which a hole is filled, at least this many times the hole's pixels."
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


class RescaleConfig(Typed):
    """A small thing becomes large, a large one small, about its center."""

    operation: Literal["rescale"] = "rescale"
    pairs: int = Field(40, ge=0, description="Pairs that are made at most.")
    factor: float = Field(1.32, gt=1, description="Ratio of large to small (1.32 is that of the embedded world).")


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


OperationConfig = RecolorConfig | ReplaceConfig | RescaleConfig | MoveConfig | RemoveConfig
AnyOperation = Annotated[OperationConfig, Field(discriminator="operation")]


def default_operations() -> list[AnyOperation]:
    """Every operation with its defaults."""
    return [RecolorConfig(), ReplaceConfig(), RescaleConfig(), MoveConfig(), RemoveConfig()]
