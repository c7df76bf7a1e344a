"""The matrix of arms by concepts, and a table of every metric of every subset."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import polars as pl

from nearmiss.engine.benchmarks.spec import MEAN
from nearmiss.stages.compare.overview import card, in_order, percent
from nearmiss.stages.compare.runs import Runs

_METRICS = ("score", "accuracy", "text", "image", "group", "strict")
_KEY = ("benchmark", "subset", "concept", "operator", "condition")


@dataclass(frozen=True)
class Row:
    """One evaluated cell: a subset's concept under an operator in a condition."""

    benchmark: str
    subset: str
    concept: str
    operator: str | None
    condition: str | None
    title: str

    @property
    def where(self) -> dict[str, str]:
        """Values of columns of table `metrics` that select the cell."""
        found = {name: getattr(self, name) for name in _KEY}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Mark:
    """An arm's metric in a cell: the median over seeds, and the mark of the cell for its negatives."""

    value: float
    chance: float
    trained: str | None


@dataclass(frozen=True)
class Cells:
    """Rows in reading order, and the value of each arm."""

    rows: list[Row]
    values: dict[tuple[str, Row], Mark]
    metrics: dict[str, str]
    """The metric of each benchmark."""


def cells(runs: Runs) -> Cells:
    """Values of the arms on each concept, operator and condition: one metric of each benchmark with concepts.

    For a benchmark of single decisions this is their accuracy (that of the pool if subsets are pooled), for other
    benchmarks the score of each subset.
    """
    metrics = runs.metrics().filter(
        pl.col("model") != "blind", pl.col("concept").is_not_null(), pl.col("value").is_not_null()
    )
    rows: list[Row] = []
    values: dict[tuple[str, Row], Mark] = {}
    shown: dict[str, str] = {}
    for benchmark in in_order(set(metrics["benchmark"])):
        known = _Concepts.of(benchmark)
        shown[benchmark] = known.metric
        mine = metrics.filter(
            pl.col("benchmark") == benchmark,
            pl.col("metric") == known.metric,
            ~pl.col("concept").is_in(list(known.pooled)),  # its parts have rows
        )
        if known.subsets:
            mine = mine.filter(pl.col("subset").is_in(known.subsets))
        found = sorted(set(mine.select(_KEY).iter_rows()), key=known.sort_key)
        for key in found:
            title = known.title(*key)
            named = title if not rows or rows[0].benchmark == benchmark else f"{benchmark}: {title}"
            row = Row(**dict(zip(_KEY, key, strict=True)), title=named)
            rows.append(row)
            for (arm,), group in mine.filter(**row.where).group_by("arm", maintain_order=True):
                value, chance = median(group["value"].to_list()), float(group["chance"][0])
                values[str(arm), row] = Mark(value, chance, group["trained"][0])
    return Cells(rows, values, shown)


@dataclass(frozen=True)
class _Concepts:
    """The reported concepts of a benchmark, from its card."""

    metric: str
    subsets: Sequence[str]
    """The subsets that are reported for all others; empty to report each one."""
    pooled: dict[str, tuple[str, tuple[str, ...]]]
    order: list[tuple[str, str]]
    """(concept, operator) of the headlines."""

    @classmethod
    def of(cls, benchmark: str) -> "_Concepts":
        known = card(benchmark)
        if known is None:
            return cls("score", (), {}, [])
        rules = known.measurement
        headlines = [(each.where.get("concept", ""), each.where.get("operator", "")) for each in known.headline]
        order = [
            pair
            for name, operator in headlines
            for pair in [(part, operator) for part in rules.pooled_concepts.get(name, ("", (name,)))[1]]
        ]
        metric = "accuracy" if rules.single_decisions else "score"
        return cls(metric, tuple(rules.pooled_subsets), dict(rules.pooled_concepts), order)

    def title(self, _benchmark: str, subset: str, concept: str, operator: str | None, condition: str | None) -> str:
        """The name of a cell in figures and tables."""
        kinds = [name for name, (op, concepts) in self.pooled.items() if op == operator and concept in concepts]
        parts = [f"{kinds[0]}: {concept}" if kinds else concept, operator]
        if not self.subsets:
            parts.append(subset)
        parts.append(None if condition == "iid" else (condition or "").replace("_", " "))
        return ", ".join(part for part in parts if part)

    def sort_key(self, key: tuple[Any, ...]) -> tuple[int, str, str, str, bool, str]:
        """Headlines in their order, then the rest by name; iid before other conditions."""
        _, subset, concept, operator, condition = (part or "" for part in key)
        pair = (concept, operator)
        first = self.order.index(pair) if pair in self.order else len(self.order)
        return first, concept, operator, subset, condition != "iid", condition


def metric_rows(runs: Runs) -> list[dict[str, Any]]:
    """One row per benchmark, subset or task, concept, operator and metric, iid: n, chance, blind and the arms' medians.

    Pools of subsets, which are part of the overview, are excluded.
    """
    metrics = runs.metrics().filter(
        pl.col("model") != "blind", pl.col("condition").is_null() | (pl.col("condition") == "iid")
    )
    rows = []
    for benchmark in in_order(set(metrics["benchmark"])):
        known = card(benchmark)
        pools = [] if known is None else list(known.measurement.pooled_subsets)
        mine = metrics.filter(
            pl.col("benchmark") == benchmark, ~pl.col("subset").is_in(pools) | pl.col("subset").is_null()
        )
        keys = ("concept", "operator", "subset", "task", "metric")
        found = [_metric_row(benchmark, key, group, runs.arms) for key, group in mine.group_by(keys)]
        rows += sorted(
            found, key=lambda row: (row["concept"], row["form"] == MEAN, row["form"], *_metric_order(row["metric"]))
        )
    return rows


def _metric_row(benchmark: str, key: tuple[Any, ...], group: pl.DataFrame, arms: Sequence[str]) -> dict[str, Any]:
    concept, operator, subset, task, metric = key
    scored = group.filter(pl.col("value").is_not_null())
    values = {
        str(arm): percent(median(mine["value"].to_list()))
        for (arm,), mine in scored.group_by("arm", maintain_order=True)
    }
    least = int(group["n_scored"].to_numpy().min())
    return {
        "benchmark": benchmark,
        "concept": ", ".join(part for part in (concept, operator) if part),
        "form": ", ".join(part for part in (subset, task) if part),
        "metric": str(metric),
        "n": f"{least:,} / {group['n_expected'].to_numpy().max():,}",
        "chance": percent(_first(scored, "chance")),
        "blind": percent(_first(scored, "blind")),
        "cells": [values.get(arm, "-") for arm in arms],
    }


def _first(rows: pl.DataFrame, column: str) -> float | None:
    known = rows[column].drop_nulls()
    return None if known.is_empty() else float(known[0])


def _metric_order(metric: str) -> tuple[int, str]:
    return _METRICS.index(metric) if metric in _METRICS else len(_METRICS), metric
