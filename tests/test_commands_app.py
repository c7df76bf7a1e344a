"""What all commands share: groups, one-line help, a help text for every option, seeds that a table can hold."""

import inspect
import io
import re
from collections.abc import Iterator

import cyclopts
import pytest
from rich.console import Console

from nearmiss import cli
from nearmiss.base.errors import InputError
from nearmiss.base.typed import LARGEST_SEED, Typed
from nearmiss.cli import app
from nearmiss.commands.app import Seed, fields_help
from nearmiss.commands.renamed import GROUPED, RENAMED
from nearmiss.reference import _table


def every_command(application: cyclopts.App = app, before: str = "") -> Iterator[tuple[str, cyclopts.App]]:
    """The commands that can be called, by their full names; groups are excluded."""
    for name in application:
        if name.startswith("-"):
            continue
        command = application[name]
        if command.default_command is not None:
            yield f"{before}{name}", command
        yield from every_command(command, f"{before}{name} ")


COMMANDS = dict(every_command())
TAKING = [name for name, each in COMMANDS.items() if "seed" in inspect.signature(each.default_command).parameters]
HIDDEN = {"features", "benchmark-features", "store", "corrupt", "track", "schema", "completion", "study"}
GROUPS = ("negatives", "benchmarks", "versions", "curate", "study")
COMMAND = ["negatives", "match", "--negatives", "x", "--out", "y", "--seed"]


def shown(*words: str) -> str:
    """The help of a command on a terminal of 80 columns."""
    text = io.StringIO()
    app.help_print(words, console=Console(file=text, width=80))
    return text.getvalue()


def test_the_help_fits_a_terminal_and_every_command_has_one_line():
    lines = shown().rstrip().splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    visible = {line.split()[1] for line in lines if line.startswith("│ ") and line[2] not in " -"}
    assert visible == {name.partition(" ")[0] for name in COMMANDS} - HIDDEN
    assert len([line for line in lines if line.startswith("│ ")]) == len(visible) + 2  # --help, --version


@pytest.mark.parametrize("group", GROUPS)
def test_the_help_of_a_group_fits_a_terminal(group):
    text = shown(group)
    assert len(text.splitlines()) <= 24
    assert all(f"│ {name.partition(' ')[2]} " in text for name in COMMANDS if name.startswith(f"{group} "))


def test_the_groups_have_their_commands():
    names = {group: {name.partition(" ")[2] for name in COMMANDS if name.startswith(f"{group} ")} for group in GROUPS}
    assert names == {
        "negatives": {
            "make",
            "example",
            "convert",
            "paraphrase",
            "match",
            "match-captions",
            "audit",
            "truth",
            "truth-table",
        },
        "benchmarks": {"list", "images", "compare", "interpolate"},
        "versions": {"snapshot", "restore", "verify", "redate", "pipeline"},
        "curate": {"serve", "export"},
        "study": {"rates", "steps", "report"},
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_help_text(name):
    options = COMMANDS[name].assemble_argument_collection(parse_docstring=True)
    empty = [option.name for option in options if option.show and not (option.parameter.help or "").strip()]
    assert not empty


def empty_rows(text: str) -> list[str]:
    """The rows of a help's tables that have names and values of an option, but no text."""
    rows = re.split(r"^│ (?=\*? *[A-Z-])", text, flags=re.MULTILINE)[1:]
    marks = r"\[[^\]]*\]|--?[\w.-]+"
    return [row for row in rows if not re.search("[a-z]", re.sub(marks, "", row.partition("╰")[0]))]


@pytest.mark.parametrize("name", COMMANDS)
def test_no_row_of_the_help_is_empty(name):
    assert not empty_rows(shown(*name.split()))


def test_an_empty_row_is_found():
    planted = cyclopts.App()

    @planted.command
    def store(*, port: int = 1) -> None:
        """Open."""

    text = io.StringIO()
    planted.help_print(["store"], console=Console(file=text, width=80))
    assert len(empty_rows(text.getvalue())) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_no_field_has_the_name_of_an_option(name):
    options = {each for option in COMMANDS[name].assemble_argument_collection() for each in option.names}
    fields = {line.partition(":")[0] for line in (COMMANDS[name].help_epilogue or "").splitlines()}
    assert not fields & options


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_is_one_sentence_that_begins_with_a_verb(name):
    first, *_ = inspect.getdoc(COMMANDS[name].default_command).splitlines()
    verbs = (
        "Make Convert Write Draw Measure Count List Compare Record Restore Verify Redate Serve Export Run Open Train"
    )
    verbs += " Fine-tune Score Decode Download Compute"
    assert first.split()[0] in verbs.split()
    assert first.endswith(".") and ". " not in first and len(first) <= 100


@pytest.mark.parametrize("name", sorted(HIDDEN))
def test_hidden_commands_are_there(name):
    assert f"nearmiss {name}" in shown(name)
    assert f"│ {name} " not in shown()


def ended(monkeypatch, capsys, *words: str) -> tuple[int, str]:
    """The exit status of a command line, and its error message."""
    monkeypatch.setattr("sys.argv", ["nearmiss", *words])
    monkeypatch.setattr(cli, "die_with_starter", lambda: None)
    monkeypatch.setattr(cli, "_end_by_exception", lambda *_: None)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new"),
    [*RENAMED.items(), ("negatives --method keyword", "negatives make"), ("curate set.parquet", "curate serve")],
)
def test_a_former_name_is_refused_with_the_new_one(monkeypatch, capsys, old, new):
    status, error = ended(monkeypatch, capsys, *old.split())
    assert status == 2
    assert f"'nearmiss {old.split()[0]}' is now 'nearmiss {new}'" in error
    assert new in COMMANDS


def test_a_misspelled_subcommand_is_not_a_former_name(monkeypatch, capsys):
    status, error = ended(monkeypatch, capsys, "negatives", "mak")
    assert status == 2 and "is now" not in error


@pytest.mark.parametrize("name", GROUPED)
def test_a_group_without_a_command_shows_its_help(monkeypatch, capsys, name):
    cli._refuse_renamed([name])
    cli._refuse_renamed([name, "--help"])


def test_a_command_has_the_one_type_of_seeds():
    assert {"pretrain", "finetune", "evaluate", "robustness", "negatives make", "negatives convert"} <= set(TAKING)
    for name in TAKING:
        kind = inspect.signature(COMMANDS[name].default_command).parameters["seed"].annotation
        assert kind in (Seed, Seed | None)


@pytest.mark.parametrize("seed", ["-1", "1.5", "1e3", "0x1", "yes", "", str(LARGEST_SEED + 1), "9" * 5000])
def test_an_invalid_seed_is_refused_and_not_rounded(seed):
    with pytest.raises(cyclopts.CycloptsError, match="a seed is a whole number"):
        app.parse_args([*COMMAND, seed], exit_on_error=False, print_error=False)


def test_the_largest_seed_is_accepted():
    _, bound, _ = app.parse_args([*COMMAND, str(LARGEST_SEED)], exit_on_error=False)
    assert bound.arguments["seed"] == LARGEST_SEED


def test_help_is_there_without_docstrings():
    """As with PYTHONOPTIMIZE=2."""

    class Section(Typed):
        number: int = 1

    Section.__doc__ = None
    assert fields_help((Section, "")).startswith("Fields: Section")
    with pytest.raises(InputError, match="docstrings"):
        _table("Section", Section)
