"""Configuration of stage `compare`."""

from typing import Literal

from pydantic import Field, model_validator

from nearmiss.base.typed import Typed


class PrimaryEndpoint(Typed):
    """An endpoint that a study decides on: rows of table `metrics`, and the hypothesis that is tested."""

    name: str = Field(min_length=1, description="Name in the study's table.")
    where: dict[str, str] = Field(
        min_length=2,
        description="Columns of table `metrics` and their values: benchmark, metric, and subset, concept, operator, "
        "condition or task; they must select one endpoint.",
    )
    margin: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Non-inferiority margin as a share (0.03 is 3 points): tested is that the arm is not worse by it. "
        "null: tested is that the arm and the control differ.",
    )


class StudyConfig(Typed):
    """A registered study: which arms are compared with which controls, on which endpoints (nearmiss study report)."""

    comparisons: dict[str, list[str]] = Field(
        min_length=1, description="Arm -> the controls that it is tested against."
    )
    primary: list[PrimaryEndpoint] = Field(min_length=1, description="Primary endpoints; Holm's family is all of them.")
    equal_compute: str | None = Field(
        None, description="A control whose FLOPs must equal those of the most expensive compared arm, within 1 %."
    )
    resamples: int = Field(10_000, ge=100, description="Bootstrap resamples of each difference.")

    @model_validator(mode="after")
    def _names_occur_once(self) -> "StudyConfig":
        names = [endpoint.name for endpoint in self.primary]
        if len(set(names)) < len(names):
            raise ValueError("two primary endpoints have one name")
        return self


class CompareConfig(Typed):
    """Controls and intervals of the comparison."""

    controls: list[str] = Field(
        ["clip", "random", "random_columns", "hnc_positives"],
        description="Arms that every arm is compared with, item by item.",
    )
    resamples: int = Field(1000, ge=100, description="Bootstrap resamples of each paired difference.")
    level: float = Field(0.95, gt=0, lt=1, description="Coverage of the intervals.")
    study: StudyConfig | None = Field(None, description="Registered comparisons and endpoints; null for none.")
    paper: Literal["hnc", "inpaintcoco", "ce_clip"] | None = Field(
        None, description="Paper whose published results are shown beside those of the experiment; null for none."
    )
