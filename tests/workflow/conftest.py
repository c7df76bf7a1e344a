"""Copies of the finished tiny run that tests may change."""

import shutil

import pytest

from checkout import Checkout


@pytest.fixture
def mine(finished, tmp_path) -> Checkout:
    """A copy of the finished one, times of files included, that a test may change."""
    shutil.copytree(finished.path, tmp_path / "checkout", symlinks=True)
    return Checkout(tmp_path / "checkout", python=finished.python)
