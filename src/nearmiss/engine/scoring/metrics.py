"""Outcomes into rows of table `metrics`: a figure, its interval over items, and what it stands beside."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from nearmiss.base.tables import table
from nearmiss.engine.benchmarks.spec import BINDING
from nearmiss.engine.scoring.outcomes import ENDPOINT
from nearmiss.engine.scoring.statistics import interval

Key = tuple[str | None, ...]


@dataclass(frozen=True)
class Scored:
    """Who was scored, on what: the columns that all rows of one evaluation share."""

    model: str
    arm: str
    seed: int
    stage: str
    split: str


@dataclass(frozen=True)
class Interval:
    """How intervals are made."""

    resamples: int
    level: float


def endpoints(outcomes: pl.DataFrame) -> Iterable[tuple[Key, pl.DataFrame]]:
    """Each endpoint and its questions, in sorted order."""
    for key, group in outcomes.group_by(ENDPOINT, maintain_order=True):
        yield tuple(None if part is None else str(part) for part in key), group


def figures(outcomes: pl.DataFrame) -> dict[Key, float]:
    """The figure of each endpoint."""
    return {key: share(group) for key, group in endpoints(outcomes)}


def share(group: pl.DataFrame) -> float:
    """The figure of one endpoint: right decisions out of all."""
    return float(group["value"].to_numpy().sum() / group["weight"].to_numpy().sum())


def mark(concept: str | None, operator: str | None, trained: frozenset[tuple[str, str]]) -> str | None:
    """How near an endpoint is to what the arm's negatives edited: `trained` holds their (concept, operator) pairs.

    seen: the same concept and operator; concept: the concept under another operator; unseen: neither. Null where an
    endpoint has no concept. Binding is the operator swap on color, size or pattern.
    """
    if concept is None:
        return None
    concepts = BINDING if concept == "binding" else (concept,)
    if any((name, operator) in trained for name in concepts):
        return "seen"
    return "concept" if any(name in concepts for name, _ in trained) else "unseen"


def rows(
    outcomes: pl.DataFrame,
    scored: Scored,
    how: Interval,
    *,
    n_expected: Mapping[Key, int],
    blind: Mapping[Key, float],
    trained: frozenset[tuple[str, str]],
) -> pl.DataFrame:
    """Table `metrics` of one scorer: a row an endpoint.

    `n_expected` defaults to the number of questions with outcomes; `blind` holds the best text-only figure.
    """
    made: list[dict[str, Any]] = []
    for key, group in endpoints(outcomes):
        value, weight = group["value"].to_numpy(), group["weight"].to_numpy()
        low, high = interval(
            value,
            weight,
            group["cluster"].to_numpy(),
            resamples=how.resamples,
            level=how.level,
            names=[scored.split, *key],
        )
        named = dict(zip(ENDPOINT, key, strict=True))
        made.append(
            {
                **vars(scored),
                **named,
                "corruption": None,
                "severity": None,
                "share": None,
                "value": share(group),
                "low": low,
                "high": high,
                "n_scored": group.height,
                "n_expected": n_expected.get(key, group.height),
                "ties": int(group["ties"].sum()),
                "chance": float((group["chance"].to_numpy() * weight).sum() / weight.sum()),
                "blind": blind.get(key),
                "trained": mark(named["concept"], named["operator"], trained),
            }
        )
    return table("metrics", made)
