"""A cluster for the tests of this folder, and copies of the checkout without results."""

from collections.abc import Iterator

import pytest
from slurm_cluster import Cluster, missing

from checkout import Checkout, copy_checkout


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """A controller and two nodes."""
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="pip install 'nearmiss[slurm]'")
    if reason := missing():
        pytest.skip(reason)
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def fresh(root, tmp_path) -> Checkout:
    """A copy of the checkout without results."""
    return copy_checkout(root, tmp_path / "checkout")
