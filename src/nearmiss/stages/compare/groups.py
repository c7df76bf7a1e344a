"""Metrics of the parts of a column: relations in new wording by order of mention and by template, binding by concept,
zero-shot by task.

A benchmark declares by which columns its items are also counted apart (`Measurement.groups`); each value is a group. A
headline that counts several concepts together has each concept as a group, so that a concept on which every model is at
chance does not dilute the others; one that is a mean over tasks has each task.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from nearmiss.engine.benchmarks.spec import MEAN, group_of
from nearmiss.stages.compare.overview import Cell, Column, Overview, card, filled_overview, in_order, percent
from nearmiss.stages.compare.runs import Runs

_WHERE = ("benchmark", "subset", "concept", "operator", "condition")


@dataclass(frozen=True)
class Grouped:
    """The groups of one concept in one condition by one column of the items, or of one benchmark by task."""

    title: str
    """Like: relation in new wording; zero-shot."""
    by: str
    """The column: order, wording, concept, task."""
    values: Overview
    """A column for each group, titled with the group's name."""


def groups(runs: Runs) -> list[Grouped]:
    """All groups that were scored: those of items, then the parts of headlines."""
    metrics = runs.metrics().filter(pl.col("model") != "blind")
    return [*_of_items(metrics.filter(metric="accuracy"), runs), *_of_headlines(metrics, runs)]


def _of_headlines(metrics: pl.DataFrame, runs: Runs) -> list[Grouped]:
    """The concepts of each headline that counts several together, and the tasks of each that is a mean over several."""
    found = []
    for benchmark in in_order(set(metrics["benchmark"])):
        known = card(benchmark)
        for headline in () if known is None else known.headline:
            by = "task" if headline.where.get("task") == MEAN else "concept"
            shared = {name: value for name, value in headline.where.items() if name != by}
            if by == "task":
                parts = sorted({*metrics.filter(**shared)["task"].drop_nulls()} - {MEAN})
            else:
                pooled = known.measurement.pooled_concepts if known is not None else {}
                _, concepts = pooled.get(str(headline.where.get("concept")), ("", ()))
                parts = [name for name in concepts if not metrics.filter(**shared, concept=name).is_empty()]
            columns = [
                Column(f"{headline.name}, {part}", part, f"{headline.title}: {part}", {**shared, by: part}, part)
                for part in parts
            ]
            if len(parts) > 1:
                shown = filled_overview(metrics, columns, runs.arms, runs.incomplete())
                found.append(Grouped(headline.title, by, shown))
    return found


def _of_items(metrics: pl.DataFrame, runs: Runs) -> list[Grouped]:
    """The groups of items, in the order of benchmarks, concepts and declared columns."""
    found: dict[tuple[str, str, str, str], list[Column]] = {}
    for key in sorted(set(metrics.select(_WHERE).iter_rows()), key=lambda key: tuple(part or "" for part in key)):
        where = dict(zip(_WHERE, key, strict=True))
        group = group_of(where["condition"])
        known = card(where["benchmark"])
        if group is None or known is None or group[1] not in known.measurement.groups:
            continue
        condition, by, value = group
        name = f"{where['concept']}, {where['operator']}, {where['condition']}"
        given: Mapping[str, str] = {part: text for part, text in where.items() if text is not None}
        column = Column(name, value, f"{where['benchmark']}: {name}", {**given, "metric": "accuracy"}, value)
        found.setdefault((where["benchmark"], where["concept"], condition, by), []).append(column)
    ordered = sorted(found, key=lambda key: (in_order({each[0] for each in found}).index(key[0]), _place(key)))
    return [
        Grouped(
            f"{concept} in {condition.replace('_', ' ')}",
            by,
            filled_overview(metrics, found[benchmark, concept, condition, by], runs.arms, runs.incomplete()),
        )
        for benchmark, concept, condition, by in ordered
    ]


def group_rows(grouped: Grouped) -> list[dict[str, Any]]:
    """Rows of the page's table: chance, blind, the arms with the interval or each seed, and the number of items."""
    shown = grouped.values
    rows = [
        {"name": name, "reference": True, "cells": [{"text": percent(of[c.name]), "range": ""} for c in shown.columns]}
        for name, of in (("chance", shown.chance), ("blind", shown.blind))
    ]
    rows += [
        {"name": arm, "reference": False, "cells": [_cell(cells.get(column.name)) for column in shown.columns]}
        for arm, cells in shown.cells.items()
    ]
    counts = [{"text": f"{shown.n[c.name][0]:,}", "range": f"of {shown.n[c.name][1]:,}"} for c in shown.columns]
    return [*rows, {"name": "items", "reference": True, "cells": counts}]


def group_text(grouped: Grouped, arm: str) -> str:
    """An arm's value in each group, with chance and the number of items; empty where a group has none."""
    shown, cells = grouped.values, grouped.values.cells.get(arm, {})
    if not shown.columns or any(column.name not in cells for column in shown.columns):
        return ""
    parts = [f"{percent(cells[c.name].value)} % {c.title} (n = {shown.n[c.name][0]:,})" for c in shown.columns]
    chance = shown.chance[shown.columns[0].name]
    return f"{grouped.title}, {', '.join(parts)}; chance {percent(chance)} %."


def _place(key: tuple[str, str, str, str]) -> tuple[str, str, int]:
    """Within a benchmark: by concept and condition, then in the order in which the columns are declared."""
    benchmark, concept, condition, by = key
    known = card(benchmark)
    return concept, condition, 0 if known is None else known.measurement.groups.index(by)


def _cell(cell: Cell | None) -> dict[str, str]:
    if cell is None:
        return {"text": "-", "range": ""}
    if len(cell.by_seed) > 1:
        return {"text": percent(cell.value), "range": ", ".join(percent(value) for value in cell.by_seed.values())}
    span = "" if cell.low is None or cell.high is None else f"{100 * cell.low:.0f}–{100 * cell.high:.0f}"
    return {"text": percent(cell.value), "range": span}
