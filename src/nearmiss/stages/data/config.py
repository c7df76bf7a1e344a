"""Configuration of stage `data`."""

from typing import Any

from pydantic import Field, model_validator

from nearmiss.base.typed import Typed
from nearmiss.stages.data.sources.registry import AnySource
from nearmiss.stages.data.sources.world import WorldSource


class DataConfig(Typed):
    """Where images, captions and annotations come from."""

    source: AnySource = Field(default_factory=WorldSource, description="The data source, by name, and its options.")

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, values: Any) -> Any:
        """Refuse the keys of version 1 by their new names."""
        if isinstance(values, dict) and "world" in values:
            raise ValueError("data.world is now data.source: write {source: {name: world, ...}} with the same keys")
        if isinstance(values, dict) and isinstance(values.get("source"), str):
            raise ValueError("data.source has a name and options: write {source: {name: NAME, ...}}")
        return values
