"""What all tests share: where the checkout is, and one run of the tiny workflow in a copy of it."""

import gc
import os
import sys
from collections.abc import Iterator
from multiprocessing import forkserver, get_context
from pathlib import Path

import pytest
from hypothesis import settings

from checkout import ONE_THREAD, Checkout, copy_checkout
from forked_python import lease
from made_once import made_once

# One thread a library, as in jobs of the workflow: pytest's workers take the cores already, and threads that wait for
# one another there take twice the time. Before the libraries are imported. Polars keeps its threads: what depends on
# the order in which they end must be seen.
for name in ONE_THREAD:
    os.environ.setdefault(name, "1")

# Modules and the tests themselves live until the end: no collection of garbage looks at them.
gc.disable()

ROOT = Path(__file__).resolve().parents[1]
settings.register_profile("nearmiss", deadline=None)  # no test waits on time
settings.load_profile("nearmiss")


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Path:
    """A folder that all of pytest's workers share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def python(shared) -> Iterator[str]:
    """A program `python` whose commands are forked from a process that has imported the libraries.

    For tests of what commands do; tests of signals, of killed processes and of the environment take a real interpreter.
    """
    if sys.platform != "linux":
        yield sys.executable
        return
    folder, held = lease(shared / "fork_server")
    with held:
        yield str(folder / "python")


@pytest.fixture(scope="session")
def finished(root, shared, python) -> Checkout:
    """A copy in which the tiny workflow has run, one for all of pytest's workers; nobody changes it."""

    def run(folder: Path) -> None:
        checkout = copy_checkout(root, folder / "checkout", python)
        answer = checkout.run()
        assert answer.returncode == 0, answer.stdout + answer.stderr
        (checkout.path / "first-run.txt").write_text(answer.stdout)

    return Checkout(made_once(shared / "finished", run) / "checkout", python=python)


@pytest.fixture(scope="session")
def worker_server() -> None:
    """The server that worker processes are forked from, with what any stage's workers import.

    It starts once in a process of pytest, with the modules that the first stage requests: the workers of every other
    stage would import theirs again, each for itself.
    """
    get_context("forkserver").set_forkserver_preload(
        [
            "nearmiss.engine.formats.photographs",
            "nearmiss.engine.formats.webdataset",
            "nearmiss.engine.text.pipelines",
            "nearmiss.engine.world.publish",
            "nearmiss.stages.inpaint.editing",
            "nearmiss.stages.negatives.stage",
            "nearmiss.stages.robustness.corrupted",
        ]
    )
    forkserver.ensure_running()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that look at the one run of the tiny workflow, or at its snapshot, start first: they take longest."""
    items.sort(key=lambda item: not {"workflow", "versions"} & set(item.path.parts))


def pytest_collection_finish() -> None:
    """Collect garbage again, but only what tests make."""
    gc.freeze()
    gc.enable()
