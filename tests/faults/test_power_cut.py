"""A power cut leaves no empty or half-written file under a final name, and no manifest without its files."""

from pathlib import Path

import pytest
from commands import CASES, Case
from operations import Operation, hooked
from running import nearmiss

from nearmiss.base import files

KIND = "power cut"


class Disk:
    """What is known to be on the disk: a file counts with the size and the time at which it was flushed last."""

    def __init__(self, out: Path, whole: str) -> None:
        self.flushed: dict[tuple[int, int], tuple[int, int]] = {}
        self.published: list[str] = []
        self.faults: list[str] = []
        self.out, self.whole = out, whole

    def note(self, path: str) -> None:
        """A file was flushed as it is now."""
        found = Path(path).stat()
        self.flushed[found.st_dev, found.st_ino] = found.st_size, found.st_mtime_ns

    def see(self, each: Operation) -> None:
        """A rename that gives a final name to a file must come after the flush of that file."""
        if each.kind == "fsync":
            self.note(each.target)
        if each.kind != "replace" or _is_partial(each.destination, self.out):
            return
        found = Path(each.target).stat()
        if self.flushed.get((found.st_dev, found.st_ino)) != (found.st_size, found.st_mtime_ns):
            self.faults.append(f"not flushed: {each.destination}")
        if self.published and self.published[-1] == self.whole and Path(each.destination).name != files.RECORD:
            self.faults.append(f"after {self.whole}: {each.destination}")
        if Path(each.destination).name != files.RECORD:
            self.published.append(Path(each.destination).name)


def _is_partial(path: str, out: Path) -> bool:
    return "partial" in path.removeprefix(str(out))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_files_are_flushed_before_renaming_and_the_manifest_is_last(case: Case, toys, tmp_path, monkeypatch, tally):
    inputs, out = toys.copy(case.group, tmp_path / "inputs"), tmp_path / "out"
    whole = case.file if case.file and case.command == "negatives make" else "manifest.json"
    disk = Disk(out, whole)
    flush_files = files.flush_files

    def flushed(folder: Path) -> None:
        flush_files(folder)
        for file in folder.rglob("*"):  # many files are flushed by one call for the whole file system
            disk.note(str(file))

    monkeypatch.setattr("nearmiss.base.outputs.flush_files", flushed)
    with tally(KIND, "order of flushes and renames in each command", case.name):
        with hooked(disk.see, tmp_path):
            answer = nearmiss(*case.arguments(inputs), "--out", out / (case.file or ""))
        assert answer.status == 0, answer.output
        assert disk.published, "nothing was published"
        assert not disk.faults, disk.faults
        names = set(disk.published)
        assert {file.name for file in out.rglob("*") if file.is_file()} - {files.RECORD} <= names


def test_many_files_are_flushed_by_one_system_call(tmp_path, monkeypatch, tally):
    """Few files are flushed one by one, many by one call; a system without that call flushes one by one."""
    for count, has_call in ((3, True), (100, True), (100, False)):
        with tally(KIND, "flushing of a folder", f"{count} files"):
            folder = tmp_path / f"{count}-{has_call}"
            (folder / "below").mkdir(parents=True)
            for number in range(count):
                (folder / "below" / str(number)).write_text("x")
            seen: list[Operation] = []
            with monkeypatch.context() as patched, hooked(seen.append, tmp_path):
                if not has_call:
                    patched.setattr(files.ctypes, "CDLL", lambda name: object())
                files.flush_files(folder)
            if count < 64 or not has_call:
                assert len([each for each in seen if each.kind == "fsync"]) == count
