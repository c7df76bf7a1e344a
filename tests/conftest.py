"""What all tests share: where the checkout is, and one run of the tiny workflow in a copy of it."""

import os
import shutil
from multiprocessing import forkserver, get_context
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from checkout import ONE_THREAD, Checkout, copy_checkout

# One thread a library, as in jobs of the workflow: pytest's workers take the cores already, and threads that wait for
# one another there take twice the time. Before the libraries are imported. Polars keeps its threads: what depends on
# the order in which they end must be seen.
for name in ONE_THREAD:
    os.environ.setdefault(name, "1")

ROOT = Path(__file__).resolve().parents[1]
settings.register_profile("nearmiss", deadline=None)  # no test waits on time
settings.load_profile("nearmiss")


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def finished(root, tmp_path_factory) -> Checkout:
    """A copy in which the tiny workflow has run, one for all of pytest's workers; nobody changes it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    checkout = Checkout(shared / "finished" / "checkout")
    with FileLock(shared / "finished.lock"):
        said = checkout.path / "first-run.txt"
        if not said.is_file():
            shutil.rmtree(checkout.path, ignore_errors=True)
            answer = copy_checkout(root, checkout.path).run()
            assert answer.returncode == 0, answer.stdout + answer.stderr
            said.write_text(answer.stdout)
    return checkout


@pytest.fixture(scope="session")
def worker_server() -> None:
    """The server that worker processes are forked from, with what any stage's workers import.

    It starts once in a process of pytest, with the modules that the first stage asks for: the workers of every other
    stage would import theirs again, each for itself.
    """
    get_context("forkserver").set_forkserver_preload(
        [
            "inflect",
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
