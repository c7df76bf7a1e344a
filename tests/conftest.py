"""What all tests share: where the checkout is, and where the real data may be."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's root folder."""
    return ROOT


# First, because xdist reads the groups in a hook of its own.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that look at the one run of the tiny workflow stay in one process, and start first: they take longest."""
    ours = [item for item in items if "workflow" in item.path.parts]
    for item in ours:
        item.add_marker(pytest.mark.xdist_group("workflow"))
    items[:] = ours + [item for item in items if item not in ours]
