"""The command line's application, and what all commands of stages share."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import cyclopts

from nearmiss import __version__
from nearmiss.base.typed import LARGEST_SEED, Typed
from nearmiss.fields import described

app = cyclopts.App(
    name="nearmiss",
    version=__version__,
    help="Reproducible experiments on hard negatives for fine-grained vision-language understanding.",
    help_format="plaintext",
)

Stage = Literal["data", "negatives", "inpaint", "pretrain", "finetune", "evaluate", "robustness", "compare"]
Fields = Annotated[str, cyclopts.Parameter(allow_leading_hyphen=True, show=False)]
Many = Annotated[list[Path], cyclopts.Parameter(consume_multiple=True, negative="")]
SomeOrNone = Annotated[list[Path] | None, cyclopts.Parameter(consume_multiple=True, negative="")]


def _seed(_type: Any, tokens: Sequence[cyclopts.Token]) -> int:
    """A seed as it is typed; `int` would round 1.5."""
    text = tokens[0].value
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) > LARGEST_SEED:
        raise ValueError(f"a seed is a whole number from 0 to {LARGEST_SEED}")
    return int(text)


Seed = Annotated[int, cyclopts.Parameter(converter=_seed)]


def fields_help(*sections: tuple[type[Typed], str]) -> str:
    """The help of several sections, each under the first line of its docstring."""
    return "\n\n".join(f"{_title(model)}\n\n{described(model, prefix)}" for model, prefix in sections)


def _title(model: type[Typed]) -> str:
    first, *_ = (model.__doc__ or model.__name__).splitlines()  # no docstrings with PYTHONOPTIMIZE=2
    return f"Fields: {first}"
