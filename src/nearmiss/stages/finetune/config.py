"""Configuration of stage `finetune`, and the typed options of its downstream tasks; one file a task lies beside it."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from nearmiss.base.typed import Typed
from nearmiss.engine.training.spec import MatchingConfig, Positive

Share = Annotated[float, Field(gt=0, le=1)]


class VsrConfig(MatchingConfig):
    """Is a statement on a relation true of an image? Both towers learn (task of Liu et al., TACL 2023)."""

    task: Literal["vsr", "vsr_random", "vsr_zeroshot"] = Field(
        "vsr", description="vsr: of a data source; vsr_random, vsr_zeroshot: the published splits below a data root."
    )
    factors: list[Positive] = Field(
        [0.3, 1.0],
        min_length=1,
        description="Factors on both towers' rates; one is chosen on dev at the largest share, for all shares.",
    )


class LinearProbe(Typed):
    """A linear probe on embeddings of images; the image tower stays as it is."""

    strengths: list[Positive] = Field(
        [1.0, 10.0, 100.0, 1000.0],
        min_length=1,
        description="Inverse strengths C of the L2 penalty; one is chosen on dev at each share.",
    )
    iterations: int = Field(1000, ge=1, description="Most iterations of the solver.")


class ProbeConfig(LinearProbe):
    """Which shape does an image show? A linear probe."""

    task: Literal["shapes"] = "shapes"


class ImageFolderConfig(LinearProbe):
    """Which class is an image of? A linear probe on any folder of images by split and class."""

    task: Literal["imagefolder"] = "imagefolder"
    folder: str = Field("imagefolder", description="Folder below the data root: {train,val,test}/CLASS/IMAGE.")


TaskConfig = Annotated[VsrConfig | ProbeConfig | ImageFolderConfig, Field(discriminator="task")]


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

    @field_validator("tasks", mode="before")
    @classmethod
    def _names_with_commas(cls, value: Any) -> Any:
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, list):
            return value
        return [{"task": name.strip()} if isinstance(name, str) else name for name in names]

    @field_validator("tasks", "shares")
    @classmethod
    def _once(cls, values: list[Any]) -> list[Any]:
        names = [getattr(value, "task", value) for value in values]
        if len(set(names)) < len(names):
            raise ValueError("each may be named once")
        return values


PUBLISHED = ("vsr_random", "vsr_zeroshot", "imagefolder")
"""Tasks whose published files are read below a data root; a data source declares the others."""

TITLES = {
    "vsr": "VSR",
    "shapes": "shapes",
    "vsr_random": "VSR, random split",
    "vsr_zeroshot": "VSR, zero-shot split",
    "imagefolder": "image folder",
}
"""The tasks as a report calls them."""
