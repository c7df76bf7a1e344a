"""`--set KEY=VALUE`: an override of one key of an experiment, by its dotted name, with a value in YAML.

An override changes the key that it names and nothing else. Where a file leaves out the section around a key, the
section keeps its defaults, also where it is a map, which a file could only replace: `arms.clip.image_lr=1e-4` keeps
every arm. An entry of a list is named by its index, from 0: `finetune.tasks.0.steps=60`. Naming another variant of a
section drops the options of the former one: `data.source.name=coco`.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from pydantic import BaseModel, ValidationError

from nearmiss.base.errors import InputError
from nearmiss.config_text import models_at, shortened
from nearmiss.config_yaml import Lines, parse_value

OPTION = "--set"
WORKFLOW_KEY = "set"
"""The key of Snakemake's configuration (`--config`) that brings overrides into the workflow."""
_ABSENT = object()


@dataclass(frozen=True)
class Override:
    """A key by its dotted name, and its value."""

    key: str
    value: Any

    @property
    def path(self) -> tuple[str, ...]:
        """The names of the key and of the sections around it, the outermost first."""
        return tuple(self.key.split("."))

    def concerns(self, key: str) -> bool:
        """Whether a key is this one or lies below it."""
        return f"{key}.".startswith(f"{self.key}.")


def parse_overrides(texts: Sequence[str] | None) -> tuple[Override, ...]:
    """Overrides from text such as `evaluate.resamples=100`. A value may contain further equal signs.

    Raises `InputError` for text without an equal sign or without a key, and for a key that is given twice.
    """
    found: list[Override] = []
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals or not all(part.strip() == part != "" for part in key.split(".")):
            raise InputError(
                f"'{shortened(text)}' is not KEY=VALUE",
                file=OPTION,
                remedy=f"write {OPTION} SECTION.KEY=VALUE, such as {OPTION} pretrain.continued.steps=500",
            )
        if any(key == other.key for other in found):
            raise InputError("the key is set twice", file=OPTION, record=shortened(key), remedy="set it once")
        found.append(Override(key, parse_value(value)))
    return tuple(found)


def as_one_word(texts: Iterable[str]) -> str:
    """Several overrides as one word, which Snakemake can quote for its jobs."""
    return "&".join(quote(text, safe="=.,:") for text in texts)


def of_workflow(values: dict[str, Any], lines: Lines) -> tuple[dict[str, Any], tuple[Override, ...]]:
    """Snakemake's configuration without the overrides that `as_one_word` put there, and these.

    A key of that name in a file is no override; it stays, and is an unknown key.
    """
    if WORKFLOW_KEY not in values or (WORKFLOW_KEY,) in lines:
        return values, ()
    texts = [unquote(part) for part in str(values[WORKFLOW_KEY]).split("&")]
    return {key: value for key, value in values.items() if key != WORKFLOW_KEY}, parse_overrides(texts)


def overridden(values: dict[str, Any], overrides: Sequence[Override], model: type[BaseModel]) -> dict[str, Any]:
    """A file's values with overrides, of which `model` has the defaults.

    Raises `InputError` for a key inside a value that has no keys, or for an entry that a list does not have. Unknown
    keys are found when the result is validated.
    """
    known: Any = None
    # Default arms depend on the model, so that their overrides come last.
    for override in sorted(overrides, key=lambda each: each.path[0] == "arms"):
        with suppress(ValidationError):  # a later override may correct it; else it is found with the result
            known = model.model_validate(values)
        values = _Setting(override, model).within(values, known, 0)
    return values


@dataclass(frozen=True)
class _Setting:
    """One override on its way from the outermost section to its key."""

    override: Override
    model: type[BaseModel]

    def within(self, raw: Any, known: Any, depth: int) -> Any:
        """The value at `depth` of the path: `raw` as the file has it, `known` as it is with defaults."""
        path = self.override.path
        if depth == len(path):
            return self.override.value
        name = path[depth]
        raw = _dumped(known) if raw is _ABSENT else raw
        if isinstance(raw, list):
            index = self._index(name, raw, depth)
            inner = self.within(raw[index], _at(known, index), depth + 1)
            return [*raw[:index], inner, *raw[index + 1 :]]
        if raw is not None and not isinstance(raw, dict):
            raise self._error(f"'{'.'.join(path[:depth])}' is a value without keys: {shortened(repr(raw))}")
        raw = {} if raw is None or self._is_another_variant(raw, known, depth) else raw
        key = next((key for key in raw if str(key) == name), name)  # a number in the file is text here
        return {**raw, key: self.within(raw.get(key, _ABSENT), _at(known, key), depth + 1)}

    def _is_another_variant(self, raw: dict[Any, Any], known: Any, depth: int) -> bool:
        """Whether the key belongs to another variant of the section than the one that it is now."""
        path, name = self.override.path, self.override.path[depth]
        variants = models_at(self.model, path[:depth])
        if not isinstance(known, BaseModel) or len(variants) < 2:
            return False
        tags = {next(iter(variant.model_fields)) for variant in variants}
        if len(tags) == 1:  # the variant is named by its first key
            (tag,) = tags
            return path[depth:] == (tag,) and self.override.value != raw.get(tag, getattr(known, tag))
        return name not in type(known).model_fields and any(name in variant.model_fields for variant in variants)

    def _index(self, name: str, entries: list[Any], depth: int) -> int:
        if not name.isdecimal() or int(name) >= len(entries):
            where = ".".join(self.override.path[:depth])
            raise self._error(f"'{where}' is a list of {len(entries)} entries and has no '{shortened(name)}'")
        return int(name)

    def _error(self, problem: str) -> InputError:
        return InputError(problem, file=OPTION, record=shortened(self.override.key), remedy="correct the key")


def _at(known: Any, name: Any) -> Any:
    """What a configuration with its defaults has under a name."""
    if isinstance(known, BaseModel):
        return getattr(known, str(name), _ABSENT)
    if isinstance(known, dict):
        return known.get(name, _ABSENT)
    return known[name] if isinstance(known, list) and name < len(known) else _ABSENT


def _dumped(known: Any) -> Any:
    """A part of a configuration as plain values; an empty section where it is not known."""
    if isinstance(known, BaseModel):
        return known.model_dump()
    if isinstance(known, dict):
        return {name: _dumped(value) for name, value in known.items()}
    if isinstance(known, list):
        return [_dumped(value) for value in known]
    return {} if known is _ABSENT else known


def lines_with(values: Any, lines: Lines, overrides: Sequence[Override], at: tuple[str, ...] = ()) -> Lines:
    """The line of every key of overridden values; 0 for a key that no line of the file gives its value."""
    found: Lines = {}
    entries = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for name, value in entries:
        where = (*at, str(name))
        given = any(override.concerns(".".join(where)) for override in overrides)
        found[where] = 0 if given else lines.get(where, 0)
        found |= lines_with(value, lines, overrides, where)
    return found


def of_override(error: InputError, overrides: Sequence[Override]) -> InputError:
    """The error, with the option in place of the file where an override gave the value that it is about."""
    key, _, line = str(error.record).partition(" (line ")
    for override in overrides:
        # A section that no line of the file has is there because of the override.
        if override.concerns(key) or (not line and override.key.startswith(f"{key}.")):
            return InputError(error.problem, file=OPTION, record=key, remedy=error.remedy)
    return error
