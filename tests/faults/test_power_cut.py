"""A power cut leaves no empty or half-written file under a final name, and no manifest without its files."""

import pytest
from commands import CASES, Case
from operations import Operation, hooked

from nearmiss.base import files

KIND = "power cut"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_files_are_flushed_before_renaming_and_the_manifest_is_last(case: Case, toys, tally):
    with tally(KIND, "order of flushes and renames in each command", case.name):
        out, seen = toys.result(case), toys.observation(case)
        assert seen.published, "nothing was published"
        assert not seen.faults, seen.faults
        assert {file.name for file in out.rglob("*") if file.is_file()} - {files.RECORD} <= set(seen.published)


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
