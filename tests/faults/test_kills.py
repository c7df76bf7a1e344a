"""Kill -9 of drivers and jobs at random moments of the whole tiny workflow: the next run ends with the same bytes."""

import shutil
import sys
from random import Random

import pytest

from checkout import Checkout, copy_checkout
from kills import bytes_of, kill_in_a_row

KIND = "kill -9"
CHECKOUTS, KILLS = 5, 10

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="jobs die with their driver on Linux"),
]


@pytest.mark.parametrize("number", range(CHECKOUTS))
def test_consecutive_kills_of_the_workflow_change_nothing(finished, root, tmp_path, number, tally):
    checkout = copy_checkout(root, tmp_path / "checkout")
    killed = kill_in_a_row(checkout, Random(100 + number), KILLS)
    answer = Checkout(checkout.path, python=finished.python).run()
    for one in killed:
        with tally(KIND, "a driver or a job of the tiny workflow", one):
            assert answer.returncode == 0, f"{killed}{answer.stdout}{answer.stderr}"
            assert bytes_of(checkout.results()) == bytes_of(finished.results()), killed
    shutil.rmtree(checkout.path)
