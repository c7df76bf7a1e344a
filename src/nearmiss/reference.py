"""What is written from the configuration's types: the JSON schema for editors, and the table of keys for people."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_text
from nearmiss.base.outputs import OutputFile
from nearmiss.config import Experiment
from nearmiss.config_text import models_in
from nearmiss.engine.images.corruptions import spec as corruptions
from nearmiss.engine.images.editing import spec as editing
from nearmiss.engine.objectives import spec as objectives
from nearmiss.engine.text.corruptions import spec as text_corruptions
from nearmiss.stages.data.sources import registry
from nearmiss.stages.data.sources.spec import DataSource
from nearmiss.stages.finetune import config as tasks

_REQUIRED = object()
BEGIN, END = "<!-- keys: written by `make schema` -->", "<!-- end of keys -->"


def schema() -> str:
    """JSON schema (2020-12) of an experiment file, as text."""
    content = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Experiment.model_json_schema()}
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write_schema(path: Path) -> None:
    """Write the JSON schema; a file that is there must be such a schema."""
    generated = path.is_file() and '"title": "Experiment"' in path.read_text(encoding="utf-8", errors="replace")
    with OutputFile(path, generated=generated) as partial:
        write_text(partial, schema())


def keys() -> str:
    """Markdown tables of every key, its default and its meaning: of an experiment, and of what its maps hold."""
    text = [_table("An experiment", Experiment)]
    for name in ("arms", "negatives"):
        kind = Experiment.model_fields[name].annotation
        held = models_in(kind if name == "arms" else kind.model_fields["methods"].annotation)  # type: ignore[union-attr]
        for model in held:
            title = "An arm (`arms.NAME`)" if name == "arms" else f"Method `{_tag(model)}` (`negatives.methods.NAME`)"
            text.append(_table(title, model))
    for model in models_in(registry.AnySource):
        text.append(_table(f"Data source `{_tag(model)}` (`data.source`)", model))
    for (what, where), entries in _LISTED.items():
        for model in models_in(entries):
            text.append(_table(f"{what} `{_tag(model)}` (an entry of `{where}`)", model))
    return "\n".join(text)


_VARIANTS = ("term", "method", "operation", "task", "corruption")
_LISTED = {
    ("Loss term", "arms.NAME.objective"): objectives.Term,
    ("Operation", "inpaint.operations"): editing.AnyOperation,
    ("Task", "finetune.tasks"): tasks.TaskConfig,
    ("Corruption", "robustness.corruptions"): corruptions.AnyCorruption,
    ("Text corruption", "robustness.texts"): text_corruptions.AnyTextCorruption,
}


def _tag(model: type[BaseModel]) -> str:
    return str(next(iter(model.model_fields.values())).default)


def _table(title: str, model: type[BaseModel]) -> str:
    if model.__doc__ is None:
        raise InputError("the table of keys is written from docstrings", remedy="unset PYTHONOPTIMIZE, then try again")
    doc = model.__doc__.strip().splitlines()[0]
    rows = "\n".join(_rows(model, "", None))
    return f"### {title}\n{doc}\n\n| key | default | meaning |\n|---|---|---|\n{rows}\n"


def _rows(model: type[BaseModel], prefix: str, values: Any) -> list[str]:
    """Rows of a section; `values` are the defaults that its owner gives it, if any."""
    rows = []
    for name, info in model.model_fields.items():
        kind, default = info.annotation, _default(info, values, name)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            rows.append(f"| **`{prefix}{name}`** | | {info.description} |")
            rows += _rows(kind, f"{prefix}{name}.", default)
        else:
            meaning = info.description or ("Names the variant." if name in _VARIANTS else "Weight in the sum.")
            shown = f"`{{name: {_tag(type(default))}}}`" if isinstance(default, DataSource) else _shown(default)
            rows.append(f"| `{prefix}{name}` | {shown} | {meaning} |")
    return rows


def _default(info: FieldInfo, values: Any, name: str) -> Any:
    if isinstance(values, BaseModel):
        return getattr(values, name)
    return _REQUIRED if info.is_required() else info.get_default(call_default_factory=True)


def _shown(value: Any) -> str:
    if value is _REQUIRED:
        return "required"
    if isinstance(value, dict) and any(isinstance(each, BaseModel) for each in value.values()):
        return ", ".join(f"`{name}`" for name in value)
    if isinstance(value, list) and any(isinstance(each, BaseModel) for each in value):
        return ", ".join(f"`{_tag(type(each))}`" for each in value)
    if isinstance(value, BaseModel):
        return f"`{json.dumps(value.model_dump())}`"
    return f"`{json.dumps(value)}`"


def write_readme(path: Path) -> None:
    """Put today's table of keys between the two marks of a Markdown file."""
    text = path.read_text(encoding="utf-8")
    before, mark, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise InputError("the marks of the table of keys are missing", file=path, remedy=f"add {BEGIN} and {END}")
    write_text(path, f"{before}{BEGIN}\n{keys()}\n{END}{after}")
