"""Configuration of stage `compare`."""

from typing import Literal

from pydantic import Field

from nearmiss.base.typed import Typed


class CompareConfig(Typed):
    """Controls and intervals of the comparison."""

    controls: list[str] = Field(
        ["clip", "random", "random_columns", "hnc_positives"],
        description="Arms that every arm is compared with, item by item.",
    )
    resamples: int = Field(1000, ge=100, description="Bootstrap resamples of each paired difference.")
    level: float = Field(0.95, gt=0, lt=1, description="Coverage of the intervals.")
    paper: Literal["hnc", "inpaintcoco", "ce_clip"] | None = Field(
        None, description="Paper whose published results are shown beside those of the experiment; null for none."
    )
