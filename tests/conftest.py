"""What all tests share: where the checkout is, and where the real data may be."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's root folder."""
    return ROOT


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that look at the one run of the tiny workflow start first: they take longest."""
    items.sort(key=lambda item: "workflow" not in item.path.parts)
