"""One run and one snapshot of the tiny workflow, for all of pytest's workers; the tests clone and restore it."""

import shutil
from pathlib import Path

import pytest
from clones import Clone, clone, new_repository

from made_once import made_once


@pytest.fixture(scope="session")
def store(shared) -> Path:
    """The folder that is the remote; nobody changes it."""
    return shared / "store"


@pytest.fixture(scope="session")
def recorded(finished, shared, store) -> Clone:
    """A repository in which the tiny workflow has run and was recorded; nobody changes it."""

    def record(folder: Path) -> None:
        repository = new_repository(finished, folder)
        repository.use_remote(store)
        answer = repository.nearmiss("versions", "snapshot")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        repository.commit("a snapshot")

    return Clone(made_once(shared / "recorded", record), python=finished.python)


@pytest.fixture(scope="session")
def restored(recorded, shared, store) -> Clone:
    """A clone into which the snapshot was restored; nobody changes it."""

    def restore(folder: Path) -> None:
        copy = clone(recorded, folder, store)
        answer = copy.nearmiss("versions", "restore")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        (copy.path / "said.txt").write_text(answer.stdout)

    return Clone(made_once(shared / "restored", restore), python=recorded.python)


@pytest.fixture
def fresh(recorded, store, tmp_path) -> Clone:
    """A clone with nothing restored that a test may change; the record of MLflow is not what it looks at."""
    copy = clone(recorded, tmp_path / "clone", store)
    (copy.path / "results").mkdir()
    (copy.path / "results" / "mlflow.db").touch()
    return copy


@pytest.fixture
def mine(restored, tmp_path) -> Clone:
    """A copy of the restored clone, times of files included, that a test may change."""
    shutil.copytree(restored.path, tmp_path / "clone", symlinks=True)
    return Clone(tmp_path / "clone", python=restored.python)
