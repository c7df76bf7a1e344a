"""Counting of what was tried and survived, and the inputs that all tests of faults share."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from forking import Forks
from tally import Tally, table

from checkout import Checkout

TALLY = pytest.StashKey[Tally]()
ROWS = "tally"
_PARTS = ("evaluate", "pretrain", "robustness", "finetune", "curation", "compare", "inpaint", "negatives", "audit")
sys.path.extend(str(Path(__file__).parents[1] / part) for part in _PARTS)  # the toys of the other tests


@pytest.fixture
def tally(request) -> Tally:
    """Counts attempts: `with tally(kind, attacked, attempt): ...`. Failed attempts fail the test when it ends."""
    return request.node.stash.setdefault(TALLY, Tally())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    try:
        return (yield)
    finally:
        found = item.stash.get(TALLY, None)
        if found is not None:
            item.user_properties.append((ROWS, found.rows()))  # reaches the process that reports
            if found.failures and sys.exc_info()[1] is None:
                pytest.fail("\n".join(found.failures), pytrace=False)


def pytest_terminal_summary(terminalreporter) -> None:
    """Print the table of all attempts."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    rows = [row for report in reports for name, value in report.user_properties if name == ROWS for row in value]
    if rows:
        text, _ = table(rows)
        terminalreporter.write_sep("=", "faults")
        terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def toys(tmp_path_factory):
    """Inputs of every command, made once for all of pytest's workers. Not to be changed: copy them."""
    from commands import Toys  # after `sys.path` has the toys of the other tests

    base = tmp_path_factory.getbasetemp()
    return Toys(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture
def mine(finished, tmp_path) -> Checkout:
    """A copy of the finished tiny run, times of files included, that a test may change."""
    shutil.copytree(finished.path, tmp_path / "checkout", symlinks=True)
    return Checkout(tmp_path / "checkout")


@pytest.fixture(scope="session")
def forks():
    """Starts commands in processes of their own, without the seconds that imports take."""

    with Forks() as started:
        yield started
