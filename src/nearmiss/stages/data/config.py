"""Configuration of stage `data`."""

from typing import Annotated, Any

from pydantic import Field, PlainSerializer, PlainValidator, model_validator

from nearmiss.base.typed import Typed
from nearmiss.stages.data.sources.combination import source_of
from nearmiss.stages.data.sources.registry import AnySource, DefaultSource
from nearmiss.stages.data.sources.spec import DataSource


def _dumped(source: DataSource, info: Any) -> Any:
    return source.model_dump(mode=info.mode)


class DataConfig(Typed):
    """Where images, captions and annotations come from."""

    source: Annotated[
        AnySource,
        PlainValidator(source_of, json_schema_input_type=AnySource | list[AnySource]),
        PlainSerializer(_dumped),
    ] = Field(
        default_factory=DefaultSource,
        description="The data source, by name, and its options; or a list of sources of photographs, which become one.",
    )

    held_out: list[str] | None = Field(
        None,
        description="Benchmarks whose images no model is trained on: they leave the training split. null for the "
        "published benchmarks of evaluate and robustness, [] for none.",
    )

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, values: Any) -> Any:
        """Refuse the keys of version 1 by their new names."""
        if isinstance(values, dict) and "world" in values:
            raise ValueError("data.world is now data.source: write {source: {name: world, ...}} with the same keys")
        if isinstance(values, dict) and isinstance(values.get("source"), str):
            raise ValueError("data.source has a name and options: write {source: {name: NAME, ...}}")
        return values
