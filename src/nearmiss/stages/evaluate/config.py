"""Configuration of stage `evaluate`."""

from typing import Literal

from pydantic import Field

from nearmiss.base.typed import Typed
from nearmiss.engine.benchmarks.spec import BenchmarkName


class EvaluateConfig(Typed):
    """What a checkpoint is asked, and how the answers are counted."""

    split: Literal["val", "test", "final"] = Field("test", description="Split of the benchmark that is scored.")
    benchmarks: list[BenchmarkName] = Field(
        ["world", "inpaintcoco", "retrieval", "classification"], description="Benchmarks, by name."
    )
    recall_at: list[int] = Field([1, 5, 10], description="Ranks k of Recall@k.")
    resamples: int = Field(1000, ge=100, description="Bootstrap resamples behind each interval.")
    level: float = Field(0.95, gt=0, lt=1, description="Coverage of the intervals.")
    batch_size: int = Field(256, ge=1, description="Images or texts encoded at a time.")
    threads: int = Field(1, ge=1, description="CPU threads of one evaluation.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one.")
