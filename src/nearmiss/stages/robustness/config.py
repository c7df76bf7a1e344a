"""Configuration of stage `robustness`."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from nearmiss.base.typed import Seed, Typed
from nearmiss.engine.benchmarks.spec import known_names
from nearmiss.engine.images.corruptions.spec import AnyCorruption, default_corruptions, imagenet_c
from nearmiss.engine.text.corruptions.spec import AnyTextCorruption, default_texts

Severity = Annotated[int, Field(ge=1, le=5)]


def _listed(corruptions: Any) -> Any:
    return imagenet_c() if corruptions == "imagenet_c" else corruptions


class RobustnessConfig(Typed):
    """Benchmarks, and corruptions of their images and captions."""

    seed: Seed = Field(0, description="Seed of all corruptions.")
    benchmarks: list[str] | None = Field(
        None, description="Benchmarks by name; null for `world` if it is evaluated, else for all evaluated ones."
    )
    split: Literal["val", "test", "final"] = Field("test", description="Split of the benchmark that is scored.")
    captions: str | None = Field(
        None, description="Caption set for training text-only baselines; null for that of the continued phase."
    )
    corruptions: Annotated[
        list[AnyCorruption],
        BeforeValidator(_listed, json_schema_input_type=list[AnyCorruption] | Literal["imagenet_c"]),
    ] = Field(
        default_factory=default_corruptions,
        description="Corruptions of images, or `imagenet_c` for all 19 of ImageNet-C; with an empty list the stage "
        "does nothing.",
    )
    texts: list[AnyTextCorruption] = Field(
        default_factory=default_texts, description="Corruptions of captions; an empty list for none."
    )
    severities: list[Severity] = Field([1, 3, 5], min_length=1, description="Severities, 1 to 5.")
    items: int = Field(
        60, ge=1, description="Maximum number of items of each subset, concept and operator, condition iid."
    )
    gallery: int = Field(500, ge=2, description="Maximum number of images of a retrieval or classification benchmark.")
    side: int = Field(
        256, ge=16, description="Shorter side in pixels to which larger images are resized before they are corrupted."
    )
    floor: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="`retained` is given if the clean value's lower bound exceeds chance by at least this share of "
        "the distance from chance to 1.",
    )
    resamples: int = Field(500, ge=100, description="Bootstrap resamples of each interval.")
    level: float = Field(0.95, gt=0, lt=1, description="Coverage of the intervals.")
    batch_size: int = Field(256, ge=1, description="Images or texts per batch.")
    threads: int = Field(1, ge=1, description="CPU threads of one job.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto selects a GPU if there is one.")

    @field_validator("benchmarks")
    @classmethod
    def _each_benchmark_is_known(cls, names: list[str] | None) -> list[str] | None:
        return known_names(names)

    @field_validator("corruptions", "texts")
    @classmethod
    def _each_corruption_once(cls, corruptions: list[Any]) -> list[Any]:
        names = [each.corruption for each in corruptions]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"a corruption is listed twice: {', '.join(twice)}")
        return corruptions

    @field_validator("severities")
    @classmethod
    def _each_severity_once(cls, severities: list[int]) -> list[int]:
        if len(set(severities)) < len(severities):
            raise ValueError("a severity is listed twice")
        return severities
