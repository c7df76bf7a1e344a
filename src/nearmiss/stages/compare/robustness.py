"""Robustness: metrics under each corruption and severity, the drop from clean, and the share retained."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from nearmiss.stages.compare.overview import Cell, Column, Overview, cell, percent, points
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.runs import Runs

SEVERITY = 3
"""The severity reported in sentences and in the terminal."""

VALUE, DROP, RETAINED = "value", "drop", "retained"
"""The kinds of rows of table `metrics`: the endpoint's metric, its drop, or its share retained."""

Key = tuple[str, str, str | None, int | None, str]
"""Arm, column name, corruption and severity (null = clean), and the kind."""


@dataclass(frozen=True)
class Robustness:
    """Cells by `Key`; columns of the overview that were tested, corruptions and severities in order."""

    arms: list[str]
    columns: list[Column]
    corruptions: list[str]
    severities: list[int]
    cells: dict[Key, Cell]
    chance: dict[str, float]

    def of(self, arm: str, column: Column, corruption: str | None, severity: int | None, kind: str) -> Cell | None:
        """A cell, or None if there is none."""
        return self.cells.get((arm, column.name, corruption, severity, kind))

    def severity(self) -> int | None:
        """The reported severity: `SEVERITY`, or the middle one of those that were tested."""
        if SEVERITY in self.severities:
            return SEVERITY
        return self.severities[len(self.severities) // 2] if self.severities else None


def robustness(runs: Runs, shown: Overview) -> Robustness:
    """Medians over seeds in the columns of the overview. A share retained is given only if every seed has one."""
    if not runs.robustnesses:
        return Robustness([], [], [], [], {}, {})
    metrics = pl.concat([_with_kinds(one.metrics) for one in runs.robustnesses])
    metrics = metrics.filter(pl.col("model") != "blind", pl.col("value").is_not_null())
    seeds = len({one.seed for one in runs.robustnesses})
    found: dict[Key, Cell] = {}
    columns, chance = [], {}
    for column in shown.columns:
        rows = _rows(metrics, column)
        if rows.is_empty():
            continue
        columns.append(column)
        chance[column.name] = float(rows["chance"].drop_nulls().head(1).sum())
        by = ("arm", "corruption", "severity", "kind")
        for (arm, corruption, severity, kind), group in rows.group_by(by, maintain_order=True):
            if kind == RETAINED and group.height < seeds:
                continue
            found[str(arm), column.name, *_corruption(corruption, severity), str(kind)] = cell(group)
    corrupted = metrics.filter(pl.col("corruption").is_not_null())
    return Robustness(
        arms=list(dict.fromkeys(one.arm for one in runs.robustnesses)),
        columns=columns,
        corruptions=list(dict.fromkeys(corrupted["corruption"])),
        severities=sorted(set(corrupted["severity"])),
        cells=found,
        chance=chance,
    )


def _with_kinds(metrics: pl.DataFrame) -> pl.DataFrame:
    """The rows with column `kind`, and the metric of the endpoint in `metric`.

    The rows of an endpoint are consecutive: its metric, its drop, and its share retained.
    """
    name = pl.col("metric")
    kind = (
        pl.when(name.str.ends_with(RETAINED))
        .then(pl.lit(RETAINED))
        .when(name.str.ends_with(f"_{DROP}"))
        .then(pl.lit(DROP))
        .otherwise(pl.lit(VALUE))
    )
    own = name.str.strip_suffix(f"_{DROP}").str.strip_suffix(f"_{RETAINED}")
    return metrics.with_columns(kind=kind, metric=pl.when(name == RETAINED).then(None).otherwise(own).forward_fill())


def _rows(metrics: pl.DataFrame, column: Column) -> pl.DataFrame:
    """The rows of a column; if only one subset of its pool was tested, those of this subset."""
    if not (found := _where(metrics, column.where)).is_empty():
        return found
    rest = {name: value for name, value in column.where.items() if name != "subset"}
    found = _where(metrics, rest)
    return found if found["subset"].n_unique() == 1 else found.clear()


def _where(metrics: pl.DataFrame, where: Any) -> pl.DataFrame:
    return metrics.filter(*[pl.col(name) == value for name, value in where.items()])


def name_of(corruption: str) -> str:
    """The displayed name of a corruption."""
    return corruption.replace("_", " ")


def robustness_rows(shown: Robustness, column: Column) -> list[dict[str, Any]]:
    """The table of one column: one row per corruption and arm; per severity the metric, drop and share retained."""
    rows = []
    for corruption in shown.corruptions:
        tested = [
            arm
            for arm in shown.arms
            if any(shown.of(arm, column, corruption, severity, VALUE) for severity in shown.severities)
        ]
        for number, arm in enumerate(tested):
            cells = [
                _text(shown.of(arm, column, corruption, severity, kind), kind)
                for severity in shown.severities
                for kind in (VALUE, DROP, RETAINED)
            ]
            rows.append(
                {
                    "corruption": name_of(corruption),
                    "first": number == 0,
                    "arm": arm,
                    "clean": _text(shown.of(arm, column, None, None, VALUE)),
                    "cells": cells,
                }
            )
    return rows


def excluded(report: Report) -> list[str]:
    """Sentences on concepts that a corruption does not preserve, whose items are not scored under it."""
    record = report.runs.robustnesses[0].measurement if report.runs.robustnesses else {}
    tested = {each.get("corruption") for each in record.get("corruptions") or []}
    found: dict[str, list[str]] = {}
    for described in (record.get("benchmarks") or {}).values():
        for corruption, concepts in (described.get("excluded") or {}).items():
            if corruption in tested:
                found.setdefault(corruption, []).extend(concepts)
    return [
        f"{name_of(name)} does not preserve {', '.join(dict.fromkeys(concepts))}: these items are not scored under it."
        for name, concepts in sorted(found.items())
    ]


def retained_text(report: Report) -> str:
    """The minimum distance of the clean metric from chance for a share retained, from the records of the runs."""
    record = report.runs.robustnesses[0].measurement if report.runs.robustnesses else {}
    metrics = record.get("metrics")
    return str(metrics.get(RETAINED, "")) if isinstance(metrics, dict) else ""


def _corruption(corruption: Any, severity: Any) -> tuple[str | None, int | None]:
    return (None, None) if corruption is None else (str(corruption), int(severity))


def _text(found: Cell | None, kind: str = VALUE) -> dict[str, str]:
    """A cell; with one seed its interval, with several their range."""
    if found is None:
        return {"text": "-", "range": ""}
    values = list(found.by_seed.values())
    low, high = (found.low, found.high) if found.low is not None else (min(values), max(values))
    span = f"{100 * low:.0f} to {100 * high:.0f}" if low is not None and high is not None and low != high else ""
    return {"text": points(found.value) if kind == DROP else percent(found.value), "range": span}
