"""One benchmark of moderate size that several tests look at."""

import pytest

from nearmiss.engine.world.benchmark import make_items
from nearmiss.engine.world.spec import BenchmarkSizes, SplitSizes, WorldConfig


@pytest.fixture(scope="session")
def world_config():
    return WorldConfig(
        images=SplitSizes(train=200, val=0, test=60, final=0), benchmark=BenchmarkSizes(iid=60, other=30)
    )


@pytest.fixture(scope="session")
def world_files(world_config):
    return make_items(world_config, "test")
