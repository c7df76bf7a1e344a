"""Servers of the page, which end with the test that started them."""

import pytest
import toy_sets


@pytest.fixture
def serve():
    """`toy_sets.serve`; whatever it started is killed afterwards."""
    started = []

    def start(*given, **options):
        started.append(toy_sets.serve(*given, **options))
        return started[-1]

    yield start
    for each in started:
        each.kill()
