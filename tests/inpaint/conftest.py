"""Toy data and one run on it that the tests of stage inpaint look at."""

from pathlib import Path

import pytest
import yaml
from toy_pictures import EVERY, Data, options, write_toys

from nearmiss.stages.inpaint.config import InpaintConfig
from nearmiss.stages.inpaint.stage import run

COCO = Path(__file__).parents[2] / "config" / "coco.yaml"


@pytest.fixture
def toys(tmp_path: Path) -> Data:
    """Six toy images that a test may change."""
    return write_toys(tmp_path / "toys", 6)


@pytest.fixture(scope="session")
def shared_toys(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Eighteen toy images. Not to be changed."""
    return write_toys(tmp_path_factory.mktemp("shared") / "toys", 18)


@pytest.fixture(scope="session")
def made(shared_toys: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the stage makes of them, with one worker."""
    out = tmp_path_factory.mktemp("made") / "inpaint"
    run(config=options(*EVERY, pairs=8), out=out, **shared_toys.arguments())
    return out


@pytest.fixture(scope="session")
def photograph_options() -> InpaintConfig:
    """The options for photographs that config/coco.yaml has."""
    return InpaintConfig.model_validate(yaml.safe_load(COCO.read_text())["inpaint"])
