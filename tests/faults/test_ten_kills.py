"""Ten kill -9 at drawn moments of the whole tiny workflow, from nothing: each next run ends with the same bytes."""

import shutil
import sys
from random import Random

import pytest

from checkout import Checkout, copy_checkout
from kills import bytes_of, kill_somewhere

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="jobs die with their driver on Linux")


@pytest.fixture(scope="module")
def undisturbed(root, tmp_path_factory) -> Checkout:
    checkout = copy_checkout(root, tmp_path_factory.mktemp("undisturbed") / "checkout")
    answer = checkout.run()
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return checkout


@pytest.mark.parametrize("number", range(10))
def test_a_killed_run_ends_with_the_same_bytes(undisturbed, root, tmp_path, number):
    checkout = copy_checkout(root, tmp_path / "checkout")
    told = kill_somewhere(checkout, Random(100 + number))
    answer = checkout.run()
    assert answer.returncode == 0, told + answer.stdout + answer.stderr
    assert bytes_of(checkout.results()) == bytes_of(undisturbed.results()), told
    shutil.rmtree(checkout.path)
