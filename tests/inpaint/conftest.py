"""Toy data and one run on it that the tests of stage inpaint look at."""

from pathlib import Path

import pytest
from toy_pictures import EVERY, Data, options, write_toys

from nearmiss.stages.inpaint.stage import run


@pytest.fixture
def toys(tmp_path: Path) -> Data:
    """Six toy pictures of one's own."""
    return write_toys(tmp_path / "toys", 6)


@pytest.fixture(scope="session")
def shared_toys(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Eighteen toy pictures that nobody changes."""
    return write_toys(tmp_path_factory.mktemp("shared") / "toys", 18)


@pytest.fixture(scope="session")
def made(shared_toys: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the stage makes of them, with one worker."""
    out = tmp_path_factory.mktemp("made") / "inpaint"
    run(config=options(*EVERY, pairs=8), out=out, **shared_toys.arguments())
    return out
