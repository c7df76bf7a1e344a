"""A stage's configuration from a file, overrides and flags: what the stages' commands take."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from nearmiss.base.errors import InputError
from nearmiss.base.fingerprint_file import read_fingerprint
from nearmiss.base.typed import Typed
from nearmiss.config import Experiment, resolve, validated
from nearmiss.config_text import problem_of
from nearmiss.config_yaml import parse_value, parse_yaml
from nearmiss.overrides import OPTION, Override, lines_with, of_override, overridden, parse_overrides

Section = TypeVar("Section", bound=Typed)


@dataclass(frozen=True)
class Source:
    """Where a command's configuration comes from: an experiment's file, a fingerprint file, or the defaults."""

    stage: str
    file: Path | None = None
    fingerprint: Path | None = None
    config: dict[str, Any] = field(default_factory=dict)
    """The configuration of a fingerprint file; without any file, the sections that overrides give."""
    experiment: Experiment | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The stage's section. Keys that are missing have the section's defaults."""
        if self.experiment is not None:
            return dict(getattr(self.experiment, self.stage).model_dump())
        return self.config if self.fingerprint else self.config.get(self.stage, {})

    def part(self, name: str) -> Any:
        """A part of a fingerprint's configuration, such as `shared`.

        Raises `InputError` where the file is the fingerprint of something else of the stage.
        """
        if name not in self.config:
            raise InputError(
                f"the fingerprint's configuration has no '{name}'",
                file=self.fingerprint,
                record="config",
                remedy="name the fingerprint file of this method or arm",
            )
        return self.config[name]

    def section(self, model: type[Section], over: dict[str, Any], values: dict[str, Any] | None = None) -> Section:
        """A section of the configuration with flags on top; `values` in place of the stage's own section.

        Raises `InputError` for a flag beside a fingerprint file, which would no longer name what a result is made with.
        """
        if over and self.fingerprint:
            raise InputError(
                f"the fingerprint file fixes the configuration, so that --{_first_key(over)} has no effect",
                file=self.fingerprint,
                remedy="leave the flag out, or name an experiment with --config in place of --fingerprint",
            )
        return build(model, self.values if values is None else values, over, file=self.file)


def source(
    stage: str,
    *,
    config: Path | None = None,
    fingerprint: Path | None = None,
    overrides: Sequence[str] | None = None,
    reads: Collection[str] = (),
) -> Source:
    """The configuration of a command of `stage`: --config, or --fingerprint, or neither; and --set on top.

    `reads` are the dotted keys that the command reads, by default the stage's section. Raises `InputError` for an
    override of any other key, or beside a fingerprint file: it would have no effect.
    """
    changes = parse_overrides(overrides)
    if fingerprint is not None:
        if config is not None or changes:
            other = "--config" if config is not None else OPTION
            raise InputError(
                f"--fingerprint and {other} exclude each other: the fingerprint file fixes the configuration",
                file=fingerprint,
                remedy="name an experiment with --config, and override its keys with --set",
            )
        return Source(stage, fingerprint, fingerprint, config=_of_fingerprint(fingerprint, stage))
    if config is None:
        found = Source(stage, config=_of_overrides(changes))
    else:
        values, lines = parse_yaml(config)
        found = Source(stage, config, experiment=resolve(values, file=config, lines=lines, overrides=changes))
    _refuse_unread(changes, reads or (stage,))
    return found


def _of_fingerprint(file: Path, stage: str) -> dict[str, Any]:
    values = read_fingerprint(file)
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
    return values["config"]


def _of_overrides(changes: Sequence[Override]) -> dict[str, Any]:
    """The sections that overrides give on the defaults, checked; empty without overrides."""
    if not changes:
        return {}
    values = overridden({"experiment": "defaults"}, changes, Experiment)
    try:
        validated(values, lines=lines_with(values, {}, changes))
    except InputError as error:
        raise of_override(error, changes) from None
    return values


def _refuse_unread(changes: Sequence[Override], reads: Collection[str]) -> None:
    for each in changes:
        if not any(each.concerns(key) or Override(key, None).concerns(each.key) for key in reads):
            raise InputError(
                "the command does not read this key",
                file=OPTION,
                record=each.key,
                remedy=f"leave it out; the command reads {', '.join(reads)}",
            )


def _first_key(over: dict[str, Any]) -> str:
    name, value = next(iter(over.items()))
    return f"{name}.{_first_key(value)}" if isinstance(value, dict) and value else name


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


def _on_top(values: Any, over: Any) -> Any:
    """Values with others on top; an entry of a list is named by its index: `--source.1.limit 500`."""
    if not isinstance(over, dict):
        return over
    if isinstance(values, list) and all(name.isdecimal() and int(name) < len(values) for name in over):
        return [_on_top(each, over[str(at)]) if str(at) in over else each for at, each in enumerate(values)]
    merged = dict(values) if isinstance(values, dict) else {}
    for name, value in over.items():
        merged[name] = _on_top(merged.get(name), value)
    return merged


def described(
    model: type[BaseModel], prefix: str = "", values: BaseModel | None = None, without: Collection[str] = ()
) -> str:
    """The fields of a section as lines of help: name, description and default (`values`' where its owner has one).

    `without` names fields that a command has an option of its own for.
    """
    lines = []
    for name, info in model.model_fields.items():
        if name in without:
            continue
        kind = info.annotation
        default = None if info.is_required() else info.get_default(call_default_factory=True)
        default = getattr(values, name) if values is not None else default
        sections = [each for each in (kind, *get_args(kind)) if isinstance(each, type) and issubclass(each, BaseModel)]
        if sections:
            # of several kinds of section each is listed; the default belongs to one of them
            lines += [
                described(each, f"{prefix}{name}.", default if isinstance(default, each) else None) for each in sections
            ]
        elif info.description:
            shown = f" [default: {default}]" if default is not None and len(str(default)) < 60 else ""
            lines.append(f"--{prefix}{name}: {info.description}{shown}")
    return "\n".join(lines)
