"""A stage's configuration from a file, with flags on top: what every verb of the command line takes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from nearmiss.base.errors import InputError
from nearmiss.base.typed import Typed
from nearmiss.config import Experiment, resolve
from nearmiss.config_text import problem_of
from nearmiss.config_yaml import parse_value, parse_yaml

Section = TypeVar("Section", bound=Typed)


@dataclass(frozen=True)
class Source:
    """Where a verb's configuration comes from: a fingerprint file, an experiment file, or the defaults."""

    file: Path | None = None
    fingerprint: Path | None = None
    config: dict[str, Any] = field(default_factory=dict)  # a fingerprint's own
    experiment: Experiment | None = None


def source(file: Path | None, stage: str) -> Source:
    """Read `--config`: a fingerprint file of the stage, or an experiment."""
    if file is None:
        return Source()
    values, lines = parse_yaml(file)
    if {"stage", "config", "code"} <= set(values):
        if values["stage"] != stage:
            raise InputError(
                f"the fingerprint is one of stage '{values['stage']}', not of '{stage}'",
                file=file,
                record="stage",
                remedy="name the fingerprint file of this stage",
            )
        if not isinstance(values["config"], dict):
            raise InputError(
                "the fingerprint has no configuration",
                file=file,
                record="config",
                remedy="delete the file; `nearmiss run` writes it again",
            )
        return Source(file=file, fingerprint=file, config=values["config"])
    return Source(file=file, experiment=resolve(values, file=file, lines=lines))


def flags(tokens: tuple[str, ...]) -> dict[str, Any]:
    """`--source.images.train 5 --seed=3` as nested values; each value is read as YAML."""
    found: dict[str, Any] = {}
    waiting = list(tokens)
    while waiting:
        token = waiting.pop(0)
        name, equals, text = token.removeprefix("--").partition("=")
        if not token.startswith("--") or not name:
            raise InputError(
                f"unexpected argument '{token}'", remedy="fields are given as --name value; see --help for their names"
            )
        if not equals:
            if not waiting:
                raise InputError(f"the flag --{name} has no value", remedy=f"write --{name} VALUE")
            text = waiting.pop(0)
        value = parse_value(text)
        *parents, last = name.replace("-", "_").split(".")
        into = found
        for parent in parents:
            into = into.setdefault(parent, {})
            if not isinstance(into, dict):
                raise InputError(f"the flag --{name} contradicts an earlier one", remedy="give one of the two")
        into[last] = value
    return found


def build(model: type[Section], values: dict[str, Any], over: dict[str, Any], *, file: object = None) -> Section:
    """A configuration section from a file's values with the flags put on top."""
    try:
        return model.model_validate(_on_top(values, over))
    except ValidationError as error:
        raise problem_of(error, model, file="command line" if over else file, lines={}) from None


def _on_top(values: Any, over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(values) if isinstance(values, dict) else {}
    for name, value in over.items():
        merged[name] = _on_top(merged.get(name), value) if isinstance(value, dict) else value
    return merged


def described(model: type[BaseModel], prefix: str = "", values: BaseModel | None = None) -> str:
    """The fields of a section as lines of help: name, description and default (`values`' where its owner has one)."""
    lines = []
    for name, info in model.model_fields.items():
        kind = info.annotation
        default = None if info.is_required() else info.get_default(call_default_factory=True)
        default = getattr(values, name) if values is not None else default
        sections = [each for each in (kind, *get_args(kind)) if isinstance(each, type) and issubclass(each, BaseModel)]
        if sections:
            # of several kinds of section each is told; the default belongs to one of them
            lines += [
                described(each, f"{prefix}{name}.", default if isinstance(default, each) else None) for each in sections
            ]
        elif info.description:
            shown = f" [default: {default}]" if default is not None and len(str(default)) < 60 else ""
            lines.append(f"--{prefix}{name}: {info.description}{shown}")
    return "\n".join(lines)
