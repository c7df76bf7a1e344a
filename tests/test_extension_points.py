"""The examples of docs/extending.md: a copy of the package with their files and lines has seven plugins more in use."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
_BLOCK = re.compile(r"```(python|diff)\n(.*?)```", flags=re.DOTALL)


def extend(page: str, checkout: Path) -> list[str]:
    """Write the files that a page shows into a checkout and make its changes of others; the paths, in their order.

    A block of Python begins with a comment that is the file's path. In a diff, `+++` names a file; what stands between
    two `@@` replaces the lines without `+` by those without `-`.
    """
    named = []
    for language, block in _BLOCK.findall(page):
        if language == "python":
            first, _, code = block.partition("\n")
            file = checkout / first.removeprefix("# ")
            file.parent.mkdir(exist_ok=True)
            file.write_text(code, encoding="utf-8")
            named.append(first.removeprefix("# "))
            continue
        for part in block.split("+++ ")[1:]:
            name, _, hunks = part.partition("\n")
            text = (checkout / name).read_text(encoding="utf-8")
            for hunk in hunks.split("@@\n")[1:]:
                lines = hunk.splitlines(keepends=True)
                old = "\n" + "".join(line[1:] for line in lines if not line.startswith("+"))
                new = "\n" + "".join(line[1:] for line in lines if not line.startswith("-"))
                assert text.count(old) == 1, f"{name} has not once:{old}"
                text = text.replace(old, new)
            (checkout / name).write_text(text, encoding="utf-8")
            named.append(name)
    return named


@pytest.fixture(scope="module")
def extended(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with all examples."""
    copy = tmp_path_factory.mktemp("extended")
    shutil.copytree(root / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    extend((root / "docs" / "extending.md").read_text(encoding="utf-8"), copy)
    return copy


def test_every_example_runs_and_changes_only_fingerprints_of_its_users(extended, tmp_path, python):
    folders = ("inpaint", "objectives", "finetune", "negatives")
    path = os.pathsep.join(map(str, (extended / "src", *(TESTS / folder for folder in folders), TESTS)))
    answer = subprocess.run(
        [python, "-P", TESTS / "extended.py", extended / "src", tmp_path],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.split()[-6:] == ["method", "term", "task", "corruption", "text_corruption", "operation"]


def test_the_examples_pass_the_linters(root, extended):
    page = (root / "docs" / "extending.md").read_text(encoding="utf-8")
    files = sorted({*re.findall(r"(?m)^(?:# |\+\+\+ )(src/\S+)$", page)})
    for command in (["check"], ["format", "--check"]):
        arguments = [sys.executable, "-m", "ruff", *command, "--config", root / "pyproject.toml", *files]
        answer = subprocess.run(arguments, cwd=extended, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stdout + answer.stderr
