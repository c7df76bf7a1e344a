"""Configuration of stage `evaluate`."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from nearmiss.base.typed import Typed
from nearmiss.engine.benchmarks.spec import known_names


class EvaluateConfig(Typed):
    """Which benchmarks a model is scored on, and how."""

    benchmarks: list[str] | None = Field(
        None,
        description="Benchmarks by name (`nearmiss benchmarks list`), as a list or with commas; null for all that an "
        "experiment writes itself, or, without an experiment, all that have files under the data root.",
    )
    captions: str | None = Field(
        None, description="Caption set that text-only baselines learn from; null for that of the continued phase."
    )
    data_root: str | None = Field(
        None,
        description="Folder of published benchmarks, each in a folder of its own; null for that of download.root.",
    )
    split: Literal["val", "test", "final"] = Field("test", description="Split of the benchmarks of an experiment.")
    released: bool = Field(
        False, description="Use the tie and subset rules of the authors' released evaluators where they differ."
    )
    missing: Literal["report", "refuse", "allow"] = Field(
        "report",
        description="Where images or files of a published benchmark are missing: report: score what exists and exit "
        "with status 3; refuse: stop before the model is opened, as a workflow does; allow: score what exists and exit "
        "with status 0. Every table shows how many items were scored.",
    )
    tagger: str | None = Field(None, description="A spaCy pipeline, by name or folder, for aro_order.")
    recall_at: list[int] = Field([1, 5, 10], min_length=1, description="Ranks k of Recall@k.")
    interpolation: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        [],
        description="Shares alpha of an arm's weights, such as [0, 0.25, 0.5, 0.75, 1]: (1 - alpha) base + alpha arm "
        "is scored on the same benchmarks for every arm that continues from the base (WiSE-FT), in jobs of its own. "
        "Cross-encoders, whose fusion the base lacks, have none.",
    )
    resamples: int = Field(1000, ge=100, description="Bootstrap resamples behind each interval.")
    level: float = Field(0.95, gt=0, lt=1, description="Coverage of the intervals.")
    batch_size: int = Field(256, ge=1, description="Images or texts encoded at a time.")
    threads: int = Field(1, ge=1, description="CPU threads of one evaluation.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one.")

    @field_validator("benchmarks", mode="before")
    @classmethod
    def _names_with_commas(cls, value: Any) -> Any:
        if value == "all":
            return None
        return [name.strip() for name in value.split(",")] if isinstance(value, str) else value

    @field_validator("benchmarks")
    @classmethod
    def _each_is_known(cls, names: list[str] | None) -> list[str] | None:
        if names == []:
            raise ValueError("name at least one benchmark")
        return known_names(names)

    @field_validator("interpolation")
    @classmethod
    def _each_once(cls, alphas: list[float]) -> list[float]:
        if len(set(alphas)) < len(alphas):
            raise ValueError("name each share once")
        return sorted(alphas)
