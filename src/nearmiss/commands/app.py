"""The command line's application, its groups, and the options that several commands share."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import cyclopts
from cyclopts import Group, Parameter

from nearmiss import __version__
from nearmiss.base.typed import LARGEST_SEED, Typed
from nearmiss.fields import described

app = cyclopts.App(
    name="nearmiss",
    version=__version__,
    help="",
    usage="Usage: nearmiss COMMAND\nReproducible experiments on hard negatives for vision-language models.",
    help_format="plaintext",
)
STAGES = Group("Stages", sort_key=1)
"""The group of the stages' commands, which are shown in the order of the workflow."""


def _group(name: str, text: str, **options: Any) -> cyclopts.App:
    """A group of commands; its help is one line of `nearmiss --help`."""
    group = cyclopts.App(name=name, help=text, **options)
    app.command(group)
    return group


negatives = _group("negatives", "Make, convert, match and audit hard negatives.", group=STAGES, sort_key=2)
benchmarks = _group("benchmarks", "List published benchmarks; compare and interpolate two models.")
curate = _group("curate", "Accept or reject image pairs and negatives; export them.")
versions = _group("versions", "Record, restore and verify results with DVC.")
study = _group("study", "Choose rates and steps of a registered study; report it.", show=False)

Stage = Literal["data", "negatives", "inpaint", "pretrain", "finetune", "evaluate", "robustness", "compare"]
Fields = Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]
Many = Annotated[list[Path], Parameter(consume_multiple=True, negative="")]
SomeOrNone = Annotated[list[Path] | None, Parameter(consume_multiple=True, negative="")]
Config = Annotated[Path | None, Parameter(help="Experiment file. Defaults are used if it is not given.")]
Fingerprint = Annotated[
    Path | None,
    Parameter(help="Fingerprint file of a workflow's job, in place of --config; it fixes every field."),
]
Overrides = Annotated[
    list[str] | None,
    Parameter(
        name="--set",
        negative="",
        help="Override a key of the experiment as KEY=VALUE, such as pretrain.continued.steps=500; the value is YAML. "
        "Repeat it for several keys.",
    ),
]
DataRootPath = Annotated[
    Path | None,
    Parameter(help="Folder of the published benchmarks, each in a folder of its own (`nearmiss benchmarks list`)."),
]
Moved = Annotated[
    list[str] | None,
    Parameter(
        negative="",
        help="Place of a folder of the data root that lies elsewhere, as coco/val2017=/data/coco. "
        "Repeat it for several.",
    ),
]


def _seed(_type: Any, tokens: Sequence[cyclopts.Token]) -> int:
    """A seed as it is typed; `int` would round 1.5."""
    text = tokens[0].value
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) > LARGEST_SEED:
        raise ValueError(f"a seed is a whole number from 0 to {LARGEST_SEED}")
    return int(text)


Seed = Annotated[int, Parameter(converter=_seed)]


def fields_help(*sections: tuple[type[Typed], str], without: Collection[str] = ()) -> str:
    """The help of several sections, each under the first line of its docstring, without some of their fields."""
    return "\n\n".join(f"{_title(model)}\n\n{described(model, prefix, without=without)}" for model, prefix in sections)


def _title(model: type[Typed]) -> str:
    first, *_ = (model.__doc__ or model.__name__).splitlines()  # no docstrings with PYTHONOPTIMIZE=2
    return f"Fields: {first}"
