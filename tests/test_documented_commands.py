"""Every command line of README.md, CONTRIBUTING.md, config/README.md and docs/ is one that the command line accepts.

What needs no data, no network and no pretrained model is executed; all others are parsed.
"""

import inspect
import re
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path

import cyclopts
import pytest

from documented import Line, blocks, lines
from nearmiss.base.errors import InputError
from nearmiss.cli import app
from nearmiss.overrides import parse_overrides
from test_commands_app import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
LINES = lines(ROOT)
OURS = [line for line in LINES if line.words[0] == "nearmiss"]
OF_EXAMPLES = ("captions.json", "graphs.json", "example/captions.json", "example/graphs.json")


def arguments(line: Line) -> list[str]:
    """The words behind the program's name; `...` stands for options that a page leaves out."""
    return [word for word in line.words[1:] if word != "..."]


def parsed(words: list[str]) -> None:
    """Parse a command line as `nearmiss` does, its fields and its overrides."""
    _, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    known = [line.partition(":")[0] for line in (app.parse_commands(words)[1][-1].help_epilogue or "").splitlines()]
    for word in bound.arguments.get("fields", ()):
        if word.startswith("--") and word.partition("=")[0].replace("-", "_").replace("__", "--", 1) not in known:
            raise InputError("no such field", record=word)
    parse_overrides([value for option, value in pairwise(words) if option == "--set"])


def is_offline(words: list[str]) -> bool:
    """Whether a command needs no data but the examples, no network, and no model."""
    if "--help" in words or words[:2] in (["benchmarks", "list"], ["negatives", "example"]):
        return True
    if words[0] == "download":
        return "--accept" not in words
    if words[:2] == ["negatives", "make"]:
        files = [word for word in words if word.endswith(".json")]
        return all(file in OF_EXAMPLES for file in files) and not {"--tagger", "--endpoint"} & {*words}
    return words == ["plan", "--config", "config/config.yaml"]


def test_the_pages_have_command_lines():
    assert len(OURS) >= 40
    assert sum(is_offline(arguments(line)) for line in OURS) >= 9


@pytest.mark.parametrize("line", OURS, ids=str)
def test_a_command_line_is_accepted(line):
    words = arguments(line)
    if "..." in line.words:  # options that are required may be among those that are left out
        command, *_ = app.parse_commands(words)
        assert command
        with pytest.raises(cyclopts.MissingArgumentError):
            parsed(words)
    else:
        parsed(words)


@pytest.mark.parametrize(
    "words",
    [
        "negatives mke --out x",
        "negatives make --out x",
        "negatives make --method keyword --captions a --out b --object-shar 1",
        "download --rot x",
        "run --cores",
        "run --set seeds",
    ],
)
def test_a_planted_mistake_is_refused(words):
    with pytest.raises((cyclopts.CycloptsError, InputError)):
        parsed(words.split())


@pytest.mark.parametrize("line", [line for line in LINES if line.words[0] != "nearmiss"], ids=str)
def test_the_files_and_targets_of_other_programs_exist(line):
    if line.words[0] == "make":
        targets = [word for word in line.words[1:] if "=" not in word]
        for target in targets:
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for word in line.words[1:]:
        name = word.rpartition("=")[2] if line.words[0] == "make" else word
        if re.fullmatch(r"(config|benchmarks|workflow)/[\w/.-]+", name):
            assert (ROOT / name).is_file()


@pytest.mark.parametrize("line", OURS, ids=str)
def test_a_configuration_that_is_named_exists(line):
    for name in line.words:
        if re.fullmatch(r"config/[\w/]+\.yaml", name) and name != "config/mine.yaml":
            assert (ROOT / name).is_file()


@pytest.mark.parametrize("line", [line for line in OURS if is_offline(arguments(line))], ids=str)
def test_a_command_line_that_needs_no_data_succeeds(line, python, tmp_path):
    (tmp_path / "DATA").mkdir()
    (tmp_path / "config").symlink_to(ROOT / "config")
    for name in ("captions.json", "graphs.json"):
        for folder in (tmp_path, tmp_path / "example"):
            folder.mkdir(exist_ok=True)
            if line.words[1:3] != ("negatives", "example"):
                (folder / name).write_bytes((ROOT / "src" / "nearmiss" / "examples" / name).read_bytes())
    answer = subprocess.run(
        [python, "-m", "nearmiss", *arguments(line)], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_an_example_that_is_accepted(name):
    text = inspect.getdoc(COMMANDS[name].default_command)
    examples = [line for line in text.splitlines() if line.startswith("nearmiss ")]
    assert examples
    for each in examples:
        words = shlex.split(each.partition(" > ")[0])[1:]
        assert " ".join(words).startswith(name)
        parsed(words)


def test_blocks_are_found_by_their_marks():
    text = "Text.\n\n    make run\n    make env\n\n```bash\nnearmiss run\n```\n"
    assert [*blocks(text)] == [("", 3, "    make run\n    make env\n"), ("bash", 7, "nearmiss run\n")]
