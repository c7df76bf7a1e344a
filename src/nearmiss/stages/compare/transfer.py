"""Did it transfer? Fine-tuned initialisations on downstream tasks: rows of the page, columns of the terminal."""

from itertools import groupby
from typing import Any

import polars as pl

from nearmiss.stages.compare.findings import percent
from nearmiss.stages.compare.overview import Column, Overview, figures
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.runs import Runs

CONDITIONS = ("iid", "new_relation", "new_pair")
"""Reading order; any other condition comes after."""
CONDITION_TEXT = {"iid": "iid", "new_relation": "new relation", "new_pair": "new pair"}
TASK_TEXT = {"vsr": "VSR"}


def columns(runs: Runs) -> list[Column]:
    """A column a task, share of labels, condition and concept, in reading order."""
    if not runs.finetunings:
        return []
    keys = ["task", "share", "condition", "concept"]
    asked = runs.finetunings[0].metrics.filter(metric="accuracy").select(keys).unique()
    rows = sorted(asked.iter_rows(named=True), key=lambda row: (-_TASKS.get(row["task"], 0), *_order(row)))
    several = asked.group_by("task").agg(pl.col("concept").n_unique()).filter(pl.col("concept") > 1)["task"].to_list()
    return [_column(row, named=row["task"] in several) for row in rows]


def transfer(runs: Runs) -> Overview:
    """The figures of every initialisation in these columns."""
    rows = [one.metrics for one in runs.finetunings]
    return figures(pl.concat(rows), columns(runs), runs.initialisations) if rows else Overview([], {}, {}, {}, {})


def largest_share(shown: Overview) -> float:
    """The largest share of the labels that anything learned from."""
    return max(float(column.where["share"]) for column in shown.columns)


def share_text(share: float) -> str:
    """A share of the labels in words."""
    return "all labels" if share == 1 else f"{100 * share:g} % of the labels"


def task_text(task: str) -> str:
    """A task's name as people write it."""
    return TASK_TEXT.get(task, task.replace("_", " "))


def heads(shown: Overview) -> list[tuple[str, int]]:
    """The upper line of the table's head: a task with a share of labels, and how many columns it spans."""
    return [
        (f"{task_text(str(task))}, {share_text(float(share))}", len(list(group)))
        for (task, share), group in groupby(shown.columns, lambda column: (column.where["task"], column.where["share"]))
    ]


def transfer_rows(report: Report) -> list[dict[str, Any]]:
    """Chance, blind, then a row an initialisation: figures with interval (one seed) or range (several)."""
    shown = report.transfer
    best = {
        column.name: max(row[column.name].value for row in shown.cells.values() if column.name in row)
        for column in shown.columns
    }
    rows: list[dict[str, Any]] = [
        {"name": name, "reference": True, "cells": [_plain(percent(of[column.name])) for column in shown.columns]}
        for name, of in (("chance", shown.chance), ("blind", shown.blind))
    ]
    for arm, row in shown.cells.items():
        cells = []
        for column in shown.columns:
            cell = row.get(column.name)
            if cell is None:
                cells.append(_plain("-"))
                continue
            low, high = (cell.low, cell.high) if cell.low is not None else _ends(list(cell.by_seed.values()))
            span = "" if low is None or high is None else f"{100 * low:.0f}–{100 * high:.0f}"
            cells.append({"text": percent(cell.value), "range": span, "best": cell.value == best[column.name]})
        rows.append({"name": arm, "reference": False, "cells": cells})
    counts = [shown.n[column.name] for column in shown.columns]
    texts = [_plain(f"{scored:,}", f"of {expected:,}") for scored, expected in counts]
    return [*rows, {"name": "examples", "reference": True, "cells": texts}]


def _plain(text: str, beside: str = "") -> dict[str, Any]:
    return {"text": text, "range": beside, "best": False}


def _ends(values: list[float]) -> tuple[float | None, float | None]:
    return (min(values), max(values)) if len(values) > 1 else (None, None)


_TASKS = {"vsr": 1}  # first, as it asks for what hard negatives teach; then the others by name


def _order(row: dict[str, Any]) -> tuple[str, float, int, str, str]:
    known = CONDITIONS.index(row["condition"]) if row["condition"] in CONDITIONS else len(CONDITIONS)
    return row["task"], row["share"], known, row["condition"], row["concept"] or ""


def _column(row: dict[str, Any], *, named: bool) -> Column:
    condition = CONDITION_TEXT.get(row["condition"], row["condition"].replace("_", " "))
    where: dict[str, str | float] = {
        "stage": "finetune",
        "task": row["task"],
        "share": row["share"],
        "condition": row["condition"],
        "metric": "accuracy",
    }
    if row["concept"] is not None:
        where["concept"] = row["concept"]
    return Column(
        name="/".join(str(part) for part in row.values() if part is not None),
        title=f"{row['concept']}, {condition}" if named else condition,
        meaning=f"{task_text(row['task'])} with {share_text(row['share'])}, {condition}",
        where=where,
    )
