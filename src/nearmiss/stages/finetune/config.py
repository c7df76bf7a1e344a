"""Configuration of stage `finetune`."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from nearmiss.base.typed import Typed
from nearmiss.stages.finetune.spec import ProbeConfig, TaskConfig, VsrConfig

Share = Annotated[float, Field(gt=0, le=1)]


class FinetuneConfig(Typed):
    """What every initialisation is fine-tuned on: the same tasks, shares of labels, budget and search."""

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
