"""Configuration of stage `data`."""

from typing import Annotated, Any

from pydantic import Field, PlainSerializer, PlainValidator, field_validator, model_validator

from nearmiss.base.typed import Typed
from nearmiss.engine.benchmarks.spec import OWN, problem_of
from nearmiss.stages.data.sources.combination import source_of
from nearmiss.stages.data.sources.registry import AnySource
from nearmiss.stages.data.sources.spec import DataSource
from nearmiss.stages.data.sources.world import WorldSource


def _dumped(source: DataSource, info: Any) -> Any:
    return source.model_dump(mode=info.mode)


class DataConfig(Typed):
    """Where images, captions and annotations come from."""

    source: Annotated[
        AnySource,
        PlainValidator(source_of, json_schema_input_type=AnySource | list[AnySource]),
        PlainSerializer(_dumped),
    ] = Field(
        default_factory=WorldSource,
        description="The data source, by name, and its options; or a list of sources of photographs, which become one.",
    )

    held_out: list[str] | None = Field(
        None,
        description="Benchmarks whose images no model is trained on: they leave the training split. null for the "
        "published benchmarks of evaluate and robustness, [] for none.",
    )

    @field_validator("held_out")
    @classmethod
    def _each_is_known(cls, names: list[str] | None) -> list[str] | None:
        for name in names or []:
            if problem := problem_of(name):
                raise ValueError(f"{problem[0]}: {problem[1]}")
            if name in OWN and name != "inpaintcoco":  # which may be the published one
                raise ValueError(f"{name} is a benchmark of the experiment's own, whose images are in other splits")
        return names

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, values: Any) -> Any:
        """Refuse the keys of version 1 by their new names."""
        if isinstance(values, dict) and "world" in values:
            raise ValueError("data.world is now data.source: write {source: {name: world, ...}} with the same keys")
        if isinstance(values, dict) and isinstance(values.get("source"), str):
            raise ValueError("data.source has a name and options: write {source: {name: NAME, ...}}")
        return values
