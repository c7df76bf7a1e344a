"""A configuration as people write it: YAML with line numbers, and errors in the words of the file."""

import difflib
import types
import typing
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from nearmiss.base.errors import InputError

Lines = dict[tuple, int]  # path of keys and indices -> line number, from 1


def parse_yaml(path: Path) -> tuple[dict[str, Any], Lines]:
    """Values of a YAML (or JSON) file and the line of each key; a problem is an `InputError` with the line."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("the configuration is missing", file=path, remedy="correct the path") from None
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise InputError(f"the configuration is no UTF-8 text file: {error}", file=path) from None
    try:
        node, values = yaml.compose(text, yaml.SafeLoader), yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise InputError(
            f"malformed YAML: {getattr(error, 'problem', None) or error}",
            file=path,
            record=f"line {mark.line + 1}, column {mark.column + 1}" if mark else None,
            remedy="correct the file",
        ) from None
    if values is None or node is None:
        return {}, {}
    if not isinstance(values, dict):
        raise InputError("a configuration is a map of keys to values", file=path, record="line 1")
    lines: Lines = {}
    _collect(node, (), lines, path)
    return values, lines


def _collect(node: yaml.Node, at: tuple, lines: Lines, path: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            where = (*at, str(getattr(key, "value", key)))
            line = key.start_mark.line + 1
            if where in lines:
                raise InputError(
                    f"the key '{where[-1]}' stands twice",
                    file=path,
                    record=f"{dotted(where)} (lines {lines[where]} and {line})",
                    remedy="keep one of the two",
                )
            lines[where] = line
            _collect(value, where, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*at, str(index))] = item.start_mark.line + 1
            _collect(item, (*at, str(index)), lines, path)


def dotted(where: tuple) -> str:
    """A path of keys as people write it: `arms.clip.image_rate`."""
    return ".".join(map(str, where))


def problem_of(error: ValidationError, model: type[BaseModel], *, file: object, lines: Lines) -> InputError:
    """The first problem of a failed validation as an `InputError` that names key, line and remedy."""
    first = error.errors(include_url=False)[0]
    where = _as_written(first["loc"], lines)
    line = lines.get(where)
    record = (dotted(where) or "the whole file") + (f" (line {line})" if line else "")
    if first["type"] == "extra_forbidden":
        siblings = sorted({name for found in _models_at(model, first["loc"][:-1]) for name in found.model_fields})
        close = difflib.get_close_matches(str(where[-1]), siblings, n=1, cutoff=0.6)
        remedy = f"did you mean '{close[0]}'?" if close else f"keys here are: {', '.join(siblings)}"
        return InputError(f"unknown key '{where[-1]}'", file=file, record=record, remedy=remedy)
    if first["type"] == "missing":
        return InputError(f"the key '{where[-1]}' is missing", file=file, record=record, remedy="add it")
    message = first["msg"][:1].lower() + first["msg"][1:]
    given = first["input"]
    shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) or given is None else ""
    return InputError(f"{message}{shown}", file=file, record=record, remedy="correct the value")


def _as_written(location: tuple, lines: Lines) -> tuple:
    """The key path of an error without the names of variants that pydantic puts into it."""
    where: tuple = ()
    for index, part in enumerate(location):
        longer = (*where, str(part))
        if not lines or longer in lines or index == len(location) - 1:
            where = longer
    return where


def _models_at(model: type[BaseModel], location: tuple) -> list[type[BaseModel]]:
    """Models whose fields may stand at `location`; several where a value is one of several variants."""
    found = [model]
    for part in location:
        fields = [each.model_fields[part].annotation for each in found if part in each.model_fields]
        if fields:
            found = [each for annotation in fields for each in models_in(annotation)]
        elif tagged := [each for each in found if _tag(each) == part]:
            found = tagged
    return found


def _tag(model: type[BaseModel]) -> object:
    """The name by which a variant is told from the others: the default of its first field."""
    return next(iter(model.model_fields.values())).default


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that a type is made of, in the order of its parts."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in typing.get_args(annotation) for model in models_in(part)]
