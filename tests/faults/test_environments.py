"""Rights, variables, locales and paths that are unlike the developer's: the same bytes, or one message."""

import errno
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from commands import CASES, Case
from running import contents, nearmiss
from test_full_disk import results

from checkout import copy_checkout
from nearmiss.base.errors import explained

KIND = "environment"
pytestmark = pytest.mark.slow
NOBODY = 65534
ODD = "a b'c\"d#e%f?g[1]{h}*$i:ü\u2028&(j)\\k~"
"""A folder's name that shells, URLs, format strings, glob patterns and lists of paths read otherwise."""

ENVIRONMENTS: dict[str, dict[str, str]] = {
    "LC_ALL=C without UTF-8": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "PYTHONOPTIMIZE=1": {"PYTHONOPTIMIZE": "1"},
    "PYTHONOPTIMIZE=2": {"PYTHONOPTIMIZE": "2"},
    "a Turkish locale": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "another time zone": {"TZ": "Asia/Kathmandu"},
    "HOME=/proc": {"HOME": "/proc", "XDG_CACHE_HOME": "/proc/cache", "XDG_CONFIG_HOME": "/proc/config"},
    "TMPDIR is missing": {"TMPDIR": "/nowhere/at/all"},
    "another seed of hashes": {"PYTHONHASHSEED": "4321"},
    "warnings are errors": {"PYTHONWARNINGS": "error::DeprecationWarning:nearmiss"},
}
COMMANDS = ("negatives make (file)", "negatives paraphrase", "negatives convert (folder)", "negatives audit")


def case_of(name: str) -> Case:
    (found,) = [case for case in CASES if case.name == name]
    return found


@pytest.mark.parametrize("command", COMMANDS[:3])
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_changes_no_byte(environment, command, toys, tmp_path, tally):
    case = case_of(command)
    inputs, expected = toys.copy(case.group, tmp_path / "inputs"), results(toys.result(case))
    line = [sys.executable, "-m", "nearmiss", *case.arguments(inputs), "--out", tmp_path / "out" / (case.file or "")]
    with tally(KIND, environment, command):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
        answer = subprocess.run(
            [str(word) for word in line],
            env={**kept, **ENVIRONMENTS[environment]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr.decode(errors="replace")
        assert results(tmp_path / "out") == expected


@pytest.mark.parametrize("case", [each for each in CASES if each.group != "none"], ids=lambda case: case.name)
def test_odd_paths_change_no_byte(case, toys, tmp_path, tally):
    inputs, expected = toys.copy(case.group, tmp_path / ODD / "inputs"), results(toys.result(case))
    out = tmp_path / ODD / "out*[2]"
    with tally(KIND, "odd letters in the paths of inputs and outputs", case.name):
        answer = nearmiss(*case.arguments(inputs), "--out", out / (case.file or ""))
        assert answer.status == 0, answer.output
        assert results(out) == expected


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_permissions_of_results_follow_the_umask(mask, toys, tmp_path, tally):
    before = os.umask(mask)
    try:
        for name in (
            f"negatives {each}" for each in ("make (file)", "match", "paraphrase", "convert (folder)", "audit")
        ):
            case, out = case_of(name), tmp_path / name / "out"
            inputs = toys.copy(case.group, tmp_path / name / "inputs")
            with tally(KIND, f"umask {mask:03o}", name):
                assert nearmiss(*case.arguments(inputs), "--out", out / (case.file or "")).status == 0
                for path in (out, *out.rglob("*")):
                    wanted = (0o777 if path.is_dir() else 0o666) & ~mask
                    assert stat.S_IMODE(path.stat().st_mode) == wanted, f"{path.name} {path.stat().st_mode:o}"
    finally:
        os.umask(before)


def _closed(out: Path) -> None:
    for path in (out, *out.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


@pytest.mark.parametrize(
    "name",
    ["negatives make (folder)", "negatives make (file)", "negatives paraphrase", "negatives convert (folder)", "store"],
)
def test_missing_permissions_are_reported_and_nothing_changes(name, toys, tmp_path, tally, forks):
    """As another user, since rights do not bind the superuser."""
    case = case_of(name)
    inputs = toys.copy(case.group, tmp_path / "inputs")
    _opened_to_all(tmp_path)

    def run(out: Path):
        started = forks.start(*case.arguments(inputs), "--out", out / (case.file or ""), user=NOBODY)
        return started.wait(), started.output.read_text()

    with tally(KIND, "--out cannot be written", name):
        out = tmp_path / "closed"
        out.mkdir()
        out.chmod(0o555)
        status, output = run(out)
        assert status == 2 and "permission denied" in output, output
        assert not list(out.iterdir())
    with tally(KIND, "an earlier result is read-only", name):
        out = shutil.copytree(toys.result(case), tmp_path / "earlier")
        _closed(out)
        before = contents(out)
        status, output = run(out)
        assert status == 2 and "permission denied" in output, output
        assert contents(out) == before
    with tally(KIND, "inputs cannot be read", name):
        (first,) = case.inputs(inputs)[:1] if name != "store" else [inputs / "tables" / "images.parquet"]
        before_mode = first.stat().st_mode
        first.chmod(0)
        status, output = run(tmp_path / "open" / "out")
        first.chmod(before_mode)
        assert status == 2 and first.name in output, output
    with tally(KIND, "inputs are read-only", name):
        _closed(inputs)
        (inputs / "state").mkdir(exist_ok=True)  # no input: a command writes there
        (inputs / "state").chmod(0o777)
        status, output = run(tmp_path / "open" / "out")
        assert status == 0, output


def _opened_to_all(folder: Path) -> None:
    """Let another user reach a folder and write into `open` in it."""
    for each in (folder, *folder.parents):
        if each == folder or each.name.startswith(("pytest-", "popen-")):  # pytest's own, nothing of the user's
            each.chmod(each.stat().st_mode | 0o055)
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)


def test_system_errors_are_explained(tally):
    codes = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.EIO)
    for code in (*codes, errno.EMFILE, errno.EFBIG, errno.ETXTBSY, errno.ESTALE, errno.ENOTEMPTY, errno.ELOOP):
        with tally(KIND, "errors of the system", errno.errorcode[code]):
            found = explained(OSError(code, os.strerror(code), "/somewhere"))
            assert found is not None and found.file == "/somewhere" and found.remedy


@pytest.mark.parametrize("letters", [" ", "'", '"', "#", "%", "?", "ü", "{a}", "*", "[1]", "&", ":", "$HOME", "~", ODD])
def test_the_first_stage_runs_in_a_checkout_with_an_odd_path(letters, root, tmp_path, tally):
    checkout = copy_checkout(root, tmp_path / f"a{letters}b" / "checkout")
    with tally(KIND, "odd letters in the path of a checkout", letters):
        answer = checkout.run("--stage", "data")
        refused = answer.returncode == 2 and "remedy:" in answer.stderr
        assert answer.returncode == 0 or refused, answer.stdout + answer.stderr
        assert refused or (checkout.results() / "data" / "manifest.json").is_file()


def test_the_workflow_is_planned_in_a_checkout_with_an_odd_path(root, tmp_path, tally):
    letters = ODD.replace(":", "").replace("\u2028", "")
    checkout = copy_checkout(root, tmp_path / letters / "checkout")
    with tally(KIND, "odd letters in the path of a checkout", f"planned, {letters}"):
        assert sum(checkout.planned().values()) > 20
