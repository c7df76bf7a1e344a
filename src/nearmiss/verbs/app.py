"""The command line's application, and what all verbs of stages share."""

from pathlib import Path
from typing import Annotated, Literal

import cyclopts

from nearmiss import __version__
from nearmiss.base.typed import Typed
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


def fields_help(*sections: tuple[type[Typed], str]) -> str:
    """The help of several sections, each under the first line of its docstring."""
    return "\n\n".join(f"{_title(model)}\n\n{described(model, prefix)}" for model, prefix in sections)


def _title(model: type[Typed]) -> str:
    first, *_ = (model.__doc__ or model.__name__).splitlines()  # no docstrings with PYTHONOPTIMIZE=2
    return f"Fields: {first}"
