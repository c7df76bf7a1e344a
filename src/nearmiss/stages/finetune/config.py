"""Configuration of stage `finetune`, and the typed options of its downstream tasks; one file a task lies beside it."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from nearmiss.base.typed import Typed
from nearmiss.engine.training.spec import MatchingConfig, Positive

Share = Annotated[float, Field(gt=0, le=1)]


class VsrConfig(MatchingConfig):
    """Is a statement on a relation true of an image? Both towers learn (task of Liu et al., TACL 2023)."""

    task: Literal["vsr"] = "vsr"
    factors: list[Positive] = Field(
        [0.3, 1.0],
        min_length=1,
        description="Factors on both towers' rates; one is chosen on dev at the largest share, for all shares.",
    )


class ProbeConfig(Typed):
    """Which shape does an image show? A linear probe; the image tower stays as it is."""

    task: Literal["shapes"] = "shapes"
    strengths: list[Positive] = Field(
        [1.0, 10.0, 100.0, 1000.0],
        min_length=1,
        description="Inverse strengths C of the L2 penalty; one is chosen on dev at each share.",
    )
    iterations: int = Field(1000, ge=1, description="Most iterations of the solver.")


TaskConfig = Annotated[VsrConfig | ProbeConfig, Field(discriminator="task")]


class FinetuneConfig(Typed):
    """What every initialization is fine-tuned on: the same tasks, shares of labels, budget and search."""

    tasks: list[TaskConfig] = Field(
        [VsrConfig(), ProbeConfig()], description="Downstream tasks; with none the stage does nothing."
    )
    shares: list[Share] = Field(
        [0.1, 1.0], min_length=1, description="Shares of the training labels; a smaller share is part of a larger one."
    )
    resamples: int = Field(1000, ge=100, description="Bootstrap resamples behind each interval.")
    level: float = Field(0.95, gt=0, lt=1, description="Coverage of the intervals.")
    batch_size: int = Field(256, ge=1, description="Images or pairs encoded at a time where nothing learns.")
    threads: int = Field(1, ge=1, description="CPU threads of one job; results differ in bits between 1 and 2.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one.")

    @field_validator("tasks", "shares")
    @classmethod
    def _once(cls, values: list[Any]) -> list[Any]:
        names = [getattr(value, "task", value) for value in values]
        if len(set(names)) < len(names):
            raise ValueError("each may be named once")
        return values


TITLES = {"vsr": "VSR", "shapes": "shapes"}
"""The tasks as a report calls them."""
