"""Paths that a command reads exist: checked before anything heavy is imported."""

from collections.abc import Sequence
from pathlib import Path

from nearmiss.base.errors import InputError

_FOLDER_OF_A_MODEL = "local-dir:"


def check_inputs(**given: Path | str | Sequence[Path] | None) -> None:
    """Raise `InputError` for the first path that does not exist.

    `given` maps the option, written with underscores, to its path or paths; None where the option was not given.
    """
    for option, value in given.items():
        paths = [value] if isinstance(value, Path | str) else value or []
        for path in map(Path, paths):
            if not path.exists():
                name = f"--{option.replace('_', '-')}"
                raise InputError("no such file or folder", file=path, record=name, remedy="correct the path")


def folder_of_model(model: str) -> str | None:
    """The folder that a model is read from, where `--model` names one as local-dir:FOLDER."""
    return model.removeprefix(_FOLDER_OF_A_MODEL) if model.startswith(_FOLDER_OF_A_MODEL) else None
