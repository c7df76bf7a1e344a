"""Configuration of stage `data`."""

from typing import Literal

from pydantic import Field

from nearmiss.base.typed import Typed
from nearmiss.engine.world.spec import WorldConfig


class DataConfig(Typed):
    """Where images, captions and annotations come from."""

    source: Literal["world"] = Field("world", description="The data set: the embedded world needs no download.")
    world: WorldConfig = Field(default_factory=WorldConfig, description="The embedded world.")
