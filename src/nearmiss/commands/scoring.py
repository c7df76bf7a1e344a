"""What the commands that score a model share."""

from pathlib import Path
from typing import Literal

from nearmiss.base.errors import InputError
from nearmiss.fields import Source, flags
from nearmiss.stages.evaluate.config import EvaluateConfig

CACHE = Path(".nearmiss-embeddings")


def embeddings(cache: Path | None, state: Path | None) -> Path:
    """The folder of embeddings that --cache or --state names. Raises `InputError` where both do."""
    if cache is not None and state is not None:
        raise InputError("--cache and --state exclude each other", remedy="leave one of the two out")
    return state or cache or CACHE


def evaluation_section(
    given: Source,
    fields: tuple[str, ...],
    *,
    data_root: Path | None,
    missing: Literal["report", "refuse", "allow"] | None,
) -> EvaluateConfig:
    """The section `evaluate` with the options of a command."""
    root = {} if data_root is None else {"data_root": str(data_root)}
    section = given.section(EvaluateConfig, flags(fields) | root)
    return section if missing is None else section.model_copy(update={"missing": missing})
