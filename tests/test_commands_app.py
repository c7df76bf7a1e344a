"""What all commands share: seeds that a table can hold, and help without docstrings."""

import inspect

import cyclopts
import pytest

from nearmiss.base.errors import InputError
from nearmiss.base.typed import LARGEST_SEED, Typed
from nearmiss.cli import app
from nearmiss.commands.app import Seed, fields_help
from nearmiss.reference import _table

TAKING = [
    name
    for name in app
    if app[name].default_command and "seed" in inspect.signature(app[name].default_command).parameters
]

COMMAND = ["negatives-matched", "--negatives", "x", "--out", "y", "--seed"]


def test_the_commands_are_found():
    assert {"pretrain", "finetune", "evaluate", "robustness", "negatives", "audit", "convert"} <= set(TAKING)


@pytest.mark.parametrize("name", TAKING)
def test_a_command_has_the_one_type_of_seeds(name):
    kind = inspect.signature(app[name].default_command).parameters["seed"].annotation
    assert kind in (Seed, Seed | None)


@pytest.mark.parametrize("seed", ["-1", "1.5", "1e3", "0x1", "yes", "", str(LARGEST_SEED + 1), "9" * 5000])
def test_what_is_no_seed_is_refused_and_not_rounded(seed):
    with pytest.raises(cyclopts.CycloptsError, match="a seed is a whole number"):
        app.parse_args([*COMMAND, seed], exit_on_error=False, print_error=False)


def test_the_largest_seed_is_one():
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
