"""One small world, made once, that the tests of stage data look at."""

from pathlib import Path

import pytest
from tests_data_small import SMALL

from nearmiss.stages.data.stage import run


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that stage data makes of SMALL, with one worker."""
    out = tmp_path_factory.mktemp("world") / "data"
    run(config=SMALL, out=out, workers=1)
    return out
