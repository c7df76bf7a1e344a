"""The toy's files, made once, and one initialization fine-tuned on them."""

import pytest
import toy_tasks as toy

from nearmiss.stages.finetune import stage


@pytest.fixture(scope="session")
def toy_tasks(tmp_path_factory):
    """A folder with everything that a fine-tuning reads. Not to be changed: copy it."""
    folder = tmp_path_factory.mktemp("toy-tasks")
    toy.write(folder)
    stage.run(**toy.arguments(folder))
    return folder
