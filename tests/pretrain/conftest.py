"""The toy training's files, made once, and its base, trained once."""

import pytest
import toy_training as toy

from nearmiss.stages.pretrain import stage


@pytest.fixture(scope="session")
def toy_files(tmp_path_factory):
    """A folder with everything that a toy training reads. Not to be changed: copy it."""
    folder = tmp_path_factory.mktemp("toy-training")
    toy.write(folder)
    return folder


@pytest.fixture(scope="session")
def toy_base(toy_files):
    """The toy with its base trained into base/."""
    stage.run(**toy.arguments(toy_files))
    return toy_files
