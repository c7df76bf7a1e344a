"""A disk that is full, or fails, at any step of any command: nothing is lost, and no partial result looks complete."""

import errno
import re
import shutil
from pathlib import Path
from random import Random

import pytest
from commands import CASES, Case
from operations import failing
from running import contents, nearmiss

from nearmiss.base.outputs import OutputFile, OutputFolder

# a measurement names the folder of its model, which each test copies; the manifest holds its hash
_MODEL = re.compile(rb'local-dir:(?:[^"\\]|\\.)*|"measurement.json": "[0-9a-f]{64}"')

KIND = "full disk"
ERRORS = {errno.ENOSPC: "no space left", errno.EIO: "input/output error"}
FEW, MANY = 1, 12  # moments of each command
OLD = b'{"an": "earlier result"}'


def attempts(case: Case, toys, tmp_path, tally, number: int) -> None:
    """Let drawn operations of a command fail, over an earlier result and a file of the user; then make room."""
    arguments = case.arguments(toys.copy(case.group, tmp_path / "inputs"))
    expected = results(toys.result(case))

    def run(out: Path):
        return nearmiss(*arguments, "--out", out / (case.file or ""))

    moments = [each for each in toys.observation(case).operations if each.kind not in ("unlink", "rmdir")]
    draw = Random(f"full disk {case.name}")
    for each in sorted(draw.sample(moments, min(number, len(moments))), key=lambda one: one.number):
        code, out = draw.choice(list(ERRORS)), tmp_path / "out"
        shutil.rmtree(out, ignore_errors=True)
        if draw.random() < 0.7:
            earlier(case, out, expected)
        before = contents(out)
        with tally(KIND, f"each command: {ERRORS[code]}", f"{case.name}, {each.kind} {each.number} {each.target}"):
            with failing(each.number, tmp_path, code):
                answer = run(out)
            after = contents(out)
            assert before.get("mine.txt") == after.get("mine.txt")
            if answer.status == 0:  # what failed was not needed, such as making a folder that is there
                assert results(after) == expected
                continue
            assert answer.status == 2, answer.output
            assert ERRORS[code] in answer.err, answer.err
            check(case, results(before), results(after), expected)
            assert not [name for name in after if "partial" in name], "temporary files stay"
            again = run(out)
            assert again.status == 0, again.output
            assert results(contents(out)) == expected


def earlier(case: Case, out: Path, names: dict) -> None:
    """An earlier result with the same names and other bytes, and a file of the user beside it."""
    if case.is_file:
        for name in names:
            with OutputFile(out / name) as partial:
                partial.write_bytes(OLD)
    else:
        with OutputFolder(out) as folder:
            for name in names:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(OLD)
    (out / "mine.txt").write_text("mine")


def check(case: Case, before: dict, after: dict, expected: dict) -> None:
    """Nothing changed, or the file that marks a complete result is missing, or the result is complete."""
    if after == before:
        return
    assert all(content in (OLD, expected[name]) for name, content in after.items()), "a file is half-written"
    whole = case.file or "manifest.json"
    if whole in after and (after[whole] != OLD or len(set(expected)) == 1):
        assert after == expected, "a part of the result looks whole"
    elif whole in after:
        assert set(after.values()) == {OLD}, "an earlier result looks whole"


def results(found: dict | Path) -> dict:
    """The files of a result without costs, which differ by run, the record, and what is the user's."""
    found = contents(found) if isinstance(found, Path) else found
    apart = ("cost.json", ".nearmiss", "mine.txt")
    files = {name: content for name, content in found.items() if content != "folder" and not name.endswith(apart)}
    return {name: _MODEL.sub(b"", each) if isinstance(each, bytes) else each for name, each in files.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_full_disk_at_a_few_steps_loses_nothing(case, toys, tmp_path, tally):
    attempts(case, toys, tmp_path, tally, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_full_disk_at_many_steps_loses_nothing(case, toys, tmp_path, tally):
    attempts(case, toys, tmp_path, tally, MANY)
