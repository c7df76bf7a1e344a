"""Configuration of stage `robustness`."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from nearmiss.base.typed import Seed, Typed
from nearmiss.engine.images.corruptions.spec import AnyCorruption, default_corruptions

Severity = Annotated[int, Field(ge=1, le=5)]
Share = Annotated[float, Field(gt=0, le=1)]


class TyposConfig(Typed):
    """Keyboard typos in captions. Severities are our choice; no paper gives any."""

    share: list[Share] = Field(
        [0.1, 0.175, 0.25, 0.325, 0.4],
        min_length=5,
        max_length=5,
        description="Share of a caption's words that are mistyped, by severity.",
    )


class RobustnessConfig(Typed):
    """Which items are asked again, under which noise."""

    seed: Seed = Field(0, description="Seed of all noise.")
    split: Literal["val", "test", "final"] = Field("test", description="Split of the benchmark that is scored.")
    corruptions: list[AnyCorruption] = Field(
        default_factory=default_corruptions, description="Corruptions of images; with none the stage does nothing."
    )
    typos: TyposConfig | None = Field(TyposConfig(), description="Typos in captions, or null for none.")
    severities: list[Severity] = Field([1, 3, 5], min_length=1, description="Severities, 1 to 5.")
    items: int = Field(60, ge=1, description="2x2 items of each concept and operator, condition iid, at most.")
    floor: float = Field(
        0.6, gt=0.5, lt=1, description="What is retained is given where the clean score's lower bound is at least this."
    )
    resamples: int = Field(500, ge=100, description="Bootstrap resamples behind each interval.")
    level: float = Field(0.95, gt=0, lt=1, description="Coverage of the intervals.")
    batch_size: int = Field(256, ge=1, description="Images or texts encoded at a time.")
    threads: int = Field(1, ge=1, description="CPU threads of one job.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one.")

    @field_validator("corruptions")
    @classmethod
    def _each_corruption_once(cls, corruptions: list[AnyCorruption]) -> list[AnyCorruption]:
        names = [each.corruption for each in corruptions]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"a corruption is named twice: {', '.join(twice)}")
        return corruptions

    @field_validator("severities")
    @classmethod
    def _each_severity_once(cls, severities: list[int]) -> list[int]:
        if len(set(severities)) < len(severities):
            raise ValueError("a severity is named twice")
        return severities
