"""Results reported in papers (data/published.yaml), for comparison with ours, with likely reasons of differences."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from nearmiss.base.errors import InputError


@dataclass(frozen=True)
class Reported:
    """A paper's figure, a share; its source; and why ours may differ, where that is known."""

    value: float
    source: str
    reason: str | None


def names() -> list[str]:
    """The models with results in papers."""
    return sorted(_document()["models"])


def model_of(architecture: str, pretrained: str | None) -> str | None:
    """The papers' name of a model with this architecture and tag of open_clip; None where there is none."""
    wanted = [architecture.removesuffix("-quickgelu"), pretrained]
    return next((name for name, model in _document()["models"].items() if model.get("tag") == wanted), None)


def reported(name: str) -> dict[tuple[str, str, str], Reported]:
    """(benchmark, part, metric) -> what papers report of the model of this name. Raises InputError for another."""
    document = _document()
    if name not in document["models"]:
        raise InputError(f"no paper's figures are kept of '{name}'", remedy=f"choose one of: {', '.join(names())}")
    found: dict[tuple[str, str, str], Reported] = {}
    for benchmark, table in document["models"][name]["values"].items():
        source, reason = document["sources"][table["source"]], document["reasons"].get(benchmark)
        for metric in table.keys() - {"source"}:
            for part, value in table[metric].items():
                found[benchmark, part, metric] = Reported(value / 100, source, reason)
    return found


@cache
def _document() -> dict[str, Any]:
    text = files(__package__).joinpath("data/published.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    return document
