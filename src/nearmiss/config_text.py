"""Errors of a configuration in the words of its file: the key, its line and the remedy."""

import difflib
import re
import types
import typing
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from nearmiss.base.errors import InputError
from nearmiss.config_yaml import Lines

RENAMED = {
    "average": "ema_decay",
    "batch": "batch_size",
    "clip": "grad_clip_norm",
    "cooldown": "cooldown_steps",
    "head_rate": "head_lr",
    "image_rate": "image_lr",
    "parts": "grad_cache_chunks",
    "processes": "num_processes",
    "text_rate": "text_lr",
    "texts": "num_negatives",
    "typos": "texts",
    "warmup": "warmup_steps",
    "where": "target_modules",
}
"""Keys of earlier versions and their present names. A name counts where the section has the present one."""


def dotted(where: tuple) -> str:
    """A path of keys as people write it: `arms.clip.image_lr`."""
    return ".".join(map(str, where))


def problem_of(error: ValidationError, model: type[BaseModel], *, file: object, lines: Lines) -> InputError:
    """The first problem of a failed validation as an `InputError` that names key, line and remedy."""
    first = _of_the_likeliest_variant(error.errors(include_url=False), model)
    location = first["loc"]
    if location[-1:] == ("[key]",):  # pydantic gives True as 1
        location = (*location[:-2], str(first["input"]))
    location = (*location, *([first["ctx"]["key"]] if first["type"] == "number_type" else []))
    where = _as_written(location, lines)
    line = line_of(where, lines)
    record = (dotted(where) or "the whole file") + (f" (line {line})" if line else "")
    if first["type"] == "extra_forbidden":
        siblings = sorted({name for found in models_at(model, location[:-1]) for name in found.model_fields})
        if (renamed := RENAMED.get(str(where[-1]))) in siblings:
            problem, remedy = f"the key '{where[-1]}' is now named '{renamed}'", f"rename it to {renamed}"
            return InputError(problem, file=file, record=shortened(record), remedy=remedy)
        remedy = near(str(where[-1]), siblings) or f"keys here are: {', '.join(siblings)}"
        return InputError(f"unknown key '{shortened(where[-1])}'", file=file, record=shortened(record), remedy=remedy)
    if first["type"] == "missing":
        return InputError(f"the key '{where[-1]}' is missing", file=file, record=record, remedy="add it")
    if first["type"] == "union_tag_not_found":
        key = first["ctx"]["discriminator"].strip("'")
        return InputError(f"the key '{key}' is missing", file=file, record=record, remedy="add it")
    message = first["msg"][:1].lower() + first["msg"][1:]
    given = first["input"]
    shown = f" (given: {shortened(repr(given))})" if isinstance(given, str | int | float | bool | None) else ""
    return InputError(f"{message}{shown}", file=file, record=shortened(record), remedy=_remedy(first))


def _of_the_likeliest_variant(errors: Sequence[Any], model: type[BaseModel]) -> Any:
    """The first error; where a value may be one of several models, an error of the one that has most of its keys."""
    location = errors[0]["loc"]
    for depth, part in enumerate(location):
        if part not in {each.__name__ for each in models_at(model, location[:depth])}:
            continue
        variants: dict[Any, list[Any]] = {}
        for each in errors:
            if each["loc"][:depth] == location[:depth]:
                variants.setdefault(each["loc"][depth], []).append(each)
        foreign = {
            name: sum(each["type"] == "extra_forbidden" and len(each["loc"]) == depth + 2 for each in found)
            for name, found in variants.items()
        }
        return variants[min(variants, key=lambda name: (foreign[name], len(variants[name])))][0]
    return errors[0]


def _remedy(first: Any) -> str:
    """What to do about a value of the wrong kind, or one that is not among those that are allowed."""
    if first["type"] == "string_type" and not isinstance(first["input"], list | dict):
        return "put it in quotes: YAML reads yes, no, on, off, null, numbers and dates as other types than text"
    context = first.get("ctx", {})
    allowed = re.findall(r"'([^']*)'", str(context.get("expected") or context.get("expected_tags") or ""))
    return near(str(context.get("tag", first["input"])), allowed) or "correct the value"


def near(given: str, known: list[str]) -> str:
    """The question that names the known word most like the given one; empty where none is like it."""
    close = difflib.get_close_matches(given[:100], known, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else ""


def shortened(text: object, most: int = 100) -> str:
    """Text for a message: at most `most` characters and no line breaks."""
    line = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(text)[: most + 1])
    return line if len(line) <= most else f"{line[:most]}..."


def line_of(where: tuple, lines: Lines) -> int | None:
    """The line of a key, or of the key around it where it is not written itself."""
    return next((lines[where[:end]] for end in range(len(where), 0, -1) if where[:end] in lines), None)


def _as_written(location: tuple, lines: Lines) -> tuple:
    """The key path of an error without the names of variants that pydantic puts into it."""
    where: tuple = ()
    for index, part in enumerate(location):
        longer = (*where, str(part))
        if not lines or longer in lines or index == len(location) - 1:
            where = longer
    return where


def models_at(model: type[BaseModel], location: tuple) -> list[type[BaseModel]]:
    """Models whose fields may stand at `location`; several where a value is one of several variants."""
    found = [model]
    for part in location:
        fields = [each.model_fields[part].annotation for each in found if part in each.model_fields]
        if fields:
            found = [each for annotation in fields for each in models_in(annotation)]
        elif tagged := [each for each in found if part in (_tag(each), each.__name__)]:
            found = tagged
    return found


def _tag(model: type[BaseModel]) -> object:
    """The name that identifies a variant: the default of its first field."""
    return next(iter(model.model_fields.values())).default


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that a type is made of, in the order of its parts."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in typing.get_args(annotation) for model in models_in(part)]
