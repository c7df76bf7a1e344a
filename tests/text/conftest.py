"""Scenes of the world to hold the text engine against."""

import pytest

from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.scenes import scene_of
from nearmiss.engine.world.spec import WorldConfig


@pytest.fixture(scope="session")
def some_scenes() -> list[Scene]:
    """Scenes with one to three objects."""
    config = WorldConfig(things={1: 0.3, 2: 0.5, 3: 0.2})
    return [scene_of(config, "val", index) for index in range(40)]
