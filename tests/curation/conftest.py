"""Servers of the page, which end with the test that started them, and the one process that starts them all."""

import pytest
import toy_sets


@pytest.fixture(scope="session")
def starter(tmp_path_factory):
    """Imports the command line once for all servers."""
    found = toy_sets.Starter(tmp_path_factory.mktemp("servers"))
    yield found
    found.end()


@pytest.fixture
def serve(starter):
    """`toy_sets.Starter.serve`; whatever it started is killed afterwards."""
    started = []

    def start(*given, **options):
        started.append(starter.serve(*given, **options))
        return started[-1]

    yield start
    for each in started:
        each.kill()
