"""Names and typed options of the downstream tasks. One file per task lies beside this one."""

from typing import Annotated, Literal

from pydantic import Field

from nearmiss.base.typed import Typed

Positive = Annotated[float, Field(gt=0)]


class VsrConfig(Typed):
    """Is a statement on a relation true of an image? Both towers learn (task of Liu et al., TACL 2023)."""

    task: Literal["vsr"] = "vsr"
    steps: int = Field(200, ge=1, description="Optimizer steps, the same at every share of the labels.")
    batch: int = Field(64, ge=2, description="Statements in a batch.")
    image_rate: Positive = Field(1e-3, description="Learning rate of the image tower.")
    text_rate: Positive = Field(5e-4, description="Learning rate of the text tower.")
    head_rate: Positive = Field(3e-3, description="Learning rate of the head; factors leave it as it is.")
    factors: list[Positive] = Field(
        [0.3, 1.0],
        min_length=1,
        description="Factors on both towers' rates; one is chosen on dev at the largest share, for all shares.",
    )
    warmup: int = Field(30, ge=0, description="Steps of linear warm-up; the rate is constant afterwards.")
    weight_decay: float = Field(0.05, ge=0, description="AdamW weight decay, on the towers' matrices only.")
    clip: Positive = Field(1.0, description="Largest norm of the gradient.")


class ProbeConfig(Typed):
    """Which shape does an image show? A linear probe; the image tower stays as it is."""

    task: Literal["shapes"] = "shapes"
    strengths: list[Positive] = Field(
        [1.0, 10.0, 100.0, 1000.0],
        min_length=1,
        description="Inverse strengths C of the L2 penalty; one is chosen on dev at each share.",
    )
    iterations: int = Field(1000, ge=1, description="Most iterations of the solver.")


TITLES = {"vsr": "VSR", "shapes": "shapes"}
"""The tasks as a report calls them."""

TaskConfig = Annotated[VsrConfig | ProbeConfig, Field(discriminator="task")]
