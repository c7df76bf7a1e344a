"""A real file system that is full: commands whose libraries write by themselves, where no call of Python fails."""

import json
import shutil
import sqlite3
import subprocess
from pathlib import Path
from random import Random

import pytest
from commands import CASES, Case
from forking import Forks
from running import nearmiss
from test_full_disk import earlier, results

from nearmiss.base.tracking import recorded

KIND = "full disk (tmpfs)"
SIZE = 24 << 20
PAGE = 4096
NAMES = (
    "negatives make (folder)",
    "negatives make (file)",
    "store",
    "pretrain",
    "negatives convert (folder)",
    "corrupt",
    "data (world)",
    "negatives audit",
)
MOMENTS = 6

pytestmark = pytest.mark.slow


def case_of(name: str) -> Case:
    (found,) = [case for case in CASES if case.name == name]
    return found


class SmallDisk:
    """A tmpfs that only the processes of `forks` see, in a mount namespace of their own: nothing of it stays."""

    def __init__(self, folder: Path, prefix: list[str]) -> None:
        folder.mkdir()
        script = f'mount -t tmpfs -o size={SIZE} tmpfs "$0" && exec "$@"'
        self.folder, self.forks = folder, Forks(*prefix, "sh", "-c", script, str(folder))

    @property
    def seen(self) -> Path:
        """The folder as this process sees it."""
        return Path(f"/proc/{self.forks.pid}/root{self.folder}")

    def leave(self, size: int) -> None:
        """Fill the disk but for some bytes."""
        self.make_room()
        found = shutil.disk_usage(self.seen)
        with (self.seen / "ballast").open("wb") as handle:
            handle.write(b"\0" * max(0, found.free - size))

    def make_room(self) -> None:
        (self.seen / "ballast").unlink(missing_ok=True)

    def empty(self) -> None:
        for each in self.seen.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """The small file system; without permission to mount one, the tests are skipped with the reason."""
    for prefix in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        tried = subprocess.run([*prefix, "sh", "-c", "mount -t tmpfs tmpfs /mnt"], capture_output=True, check=False)
        if tried.returncode == 0:
            made = SmallDisk(tmp_path_factory.mktemp("disk") / "small", prefix)
            with made.forks:
                yield made
            return
    pytest.skip("no file system can be mounted here")


def size_of(found: dict) -> int:
    return sum(-(-len(content) // PAGE) * PAGE for content in found.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_command_reports_a_full_disk(name, disk, toys, tmp_path, tally):
    case = case_of(name)
    arguments, expected = case.arguments(toys.copy(case.group, tmp_path / "inputs")), results(toys.result(case))
    draw = Random(f"small disk {name}")
    for number in range(MOMENTS):
        disk.empty()
        out = disk.seen / "out"
        if number % 2:
            made = tmp_path / f"earlier-{number}"
            earlier(case, made, expected)
            shutil.copytree(made, out)
        before = results(out) if out.exists() else {}
        left = draw.randrange(0, size_of(expected), PAGE)
        disk.leave(left)
        with tally(KIND, "a command's results", f"{name}, {left} bytes left of {size_of(expected)}"):
            target = disk.folder / "out" / (case.file or "")
            started = disk.forks.start(*arguments, "--out", target)
            status, output = started.wait(), started.output.read_text(errors="replace")
            assert status == 2 and "no space left" in output, f"{status} {output}"
            after = results(out) if out.exists() else {}
            assert after == before
            disk.make_room()
            started = disk.forks.start(*arguments, "--out", target)
            assert started.wait() == 0, started.output.read_text(errors="replace")
            assert results(out) == expected


def test_a_cache_on_a_full_disk_changes_no_result(disk, toys, tmp_path, tally):
    case = case_of("evaluate (standalone)")
    inputs, expected = toys.copy(case.group, tmp_path / "inputs"), results(toys.result(case))
    arguments = [disk.folder / "cache" if word == inputs / "cache" else word for word in case.arguments(inputs)]
    for number, left in enumerate((0, PAGE, 2 * PAGE, 3 * PAGE)):
        disk.empty()
        disk.leave(left)
        with tally(KIND, "embedding cache", f"{left} bytes left"):
            started = disk.forks.start(*arguments, "--out", tmp_path / f"out-{number}")
            status, output = started.wait(), started.output.read_text(errors="replace")
            assert status in (0, 2) and (status == 0 or "no space left" in output), f"{status} {output}"
            disk.make_room()
            started = disk.forks.start(*arguments, "--out", tmp_path / f"again-{number}")
            assert started.wait() == 0, started.output.read_text(errors="replace")
            assert results(tmp_path / f"again-{number}") == expected


def test_a_training_state_on_a_full_disk_is_reported(disk, toys, tmp_path, tally):
    case = case_of("pretrain")
    inputs, expected = toys.copy(case.group, tmp_path / "inputs"), results(toys.result(case))
    state = inputs / "state" / "base" / "0"
    arguments = [disk.folder / "state" if word == state else word for word in case.arguments(inputs)]
    for number, left in enumerate((0, PAGE, 16 * PAGE, 64 * PAGE)):
        disk.empty()
        disk.leave(left)
        with tally(KIND, "training state", f"{left} bytes left"):
            started = disk.forks.start(*arguments, "--out", tmp_path / f"out-{number}")
            status, output = started.wait(), started.output.read_text(errors="replace")
            assert status == 2 and "no space left" in output, f"{status} {output}"
            disk.make_room()
            started = disk.forks.start(*arguments, "--out", tmp_path / f"again-{number}")
            assert started.wait() == 0, started.output.read_text(errors="replace")
            assert results(tmp_path / f"again-{number}") == expected


def test_the_mlflow_store_on_a_full_disk_is_reported(disk, toys, tmp_path, tally):
    case = case_of("track")
    inputs = toys.copy(case.group, tmp_path / "inputs")
    store = inputs / "mlflow.db"
    assert nearmiss(*case.arguments(inputs), "--out", tmp_path / "tracked.json").status == 0
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    expected = recorded(store, "toy")
    arguments = [disk.folder / "mlflow.db" if word == store else word for word in case.arguments(inputs)]
    for number, left in enumerate((0, PAGE, 40 * PAGE)):
        for there in (False, True):
            disk.empty()
            if there:
                shutil.copy(store, disk.seen / "mlflow.db")
            disk.leave(left)
            with tally(KIND, "store of MLflow", f"{left} bytes left, {'an earlier' if there else 'no'} store"):
                started = disk.forks.start(*arguments, "--out", tmp_path / f"{number}-{there}.json")
                status, output = started.wait(), started.output.read_text(errors="replace")
                assert status in (0, 2), f"{status} {output}"
                assert status == 0 or "no space left" in output or "disk is full" in output, output
                disk.make_room()
                started = disk.forks.start(*arguments, "--out", tmp_path / f"{number}-{there}-again.json")
                assert started.wait() == 0, started.output.read_text(errors="replace")
                reading = disk.forks.call("mlflow_store:print_figures", disk.folder / "mlflow.db", "toy")
                assert reading.wait() == 0, reading.output.read_text(errors="replace")
                assert json.loads(reading.output.read_text()) == expected


def test_the_curation_database_on_a_full_disk_is_reported(disk, toys, tmp_path, tally):
    """A decision that was acknowledged is there; one that could not be written was refused."""
    inputs = toys.copy("curation", tmp_path / "inputs")
    items, database = inputs / "set" / "pairs.parquet", disk.folder / "decisions.db"
    for left in (0, PAGE, 8 * PAGE, 32 * PAGE):
        disk.empty()
        shutil.copy(inputs / "decisions.db", disk.seen / "decisions.db")
        disk.leave(left)
        with tally(KIND, "database of decisions", f"{left} bytes left"):
            started = disk.forks.call("decisions:add_until_full", items, database)
            assert started.wait() == 0, started.output.read_text(errors="replace")
            written = int(started.output.read_text().split()[-1])
            disk.make_room()
            started = disk.forks.call("decisions:count", items, database)
            assert started.wait() == 0, started.output.read_text(errors="replace")
            assert int(started.output.read_text().split()[-1]) == written
