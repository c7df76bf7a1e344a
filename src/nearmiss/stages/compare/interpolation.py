"""Weights between the base and each arm (WiSE-FT): metrics in the columns of the overview, and what was chosen."""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_table, table
from nearmiss.stages.compare.overview import Cell, Column, cell, percent, rows_of
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.runs import REMEDY, Runs

TABLE = "interpolation.parquet"


def inputs(folders: Sequence[Path]) -> dict[str, Path]:
    """The tables by their name in compare's manifest."""
    return {f"evaluate/interpolation/{Path(folder).name}": Path(folder) / TABLE for folder in folders}


def read(folders: Sequence[Path], runs: Runs) -> pl.DataFrame:
    """Table `interpolation` of all folders.

    Raises InputError where a table has no rows, two are of one run, or an arm was not evaluated on the split of the
    others.
    """
    found = [table("interpolation", [])]
    seen: dict[tuple[str, int], Path] = {}
    for folder in map(Path, folders):
        rows = read_table(folder / TABLE, "interpolation")
        if rows.is_empty():
            raise InputError("an interpolation has no rows", file=folder, remedy=REMEDY)
        arm, seed = rows["arm"][0], rows["seed"][0]
        if (arm, seed) in seen:
            raise InputError(
                f"the interpolation of arm {arm}, seed {seed} is given twice",
                file=folder,
                record=str(seen[arm, seed]),
                remedy="give each run once",
            )
        seen[arm, seed] = folder
        if runs.split is not None and runs.split not in set(rows["split"]):
            raise InputError(
                f"the interpolation was not scored on split {runs.split} of the evaluations",
                file=folder,
                remedy="interpolate and evaluate on one split",
            )
        found.append(rows)
    return pl.concat(found)


def evaluated(report: Report) -> pl.DataFrame:
    """The rows on the split of the evaluations; of published benchmarks, which have none, all."""
    return report.interpolated.filter(pl.col("split").is_null() | (pl.col("split") == report.runs.split))


def cells(report: Report) -> dict[tuple[str, float], dict[str, Cell]]:
    """(arm, alpha) -> the cell of each column of the overview, in the order of the arms and of alpha."""
    rows = evaluated(report).filter(pl.col("value").is_not_null())
    found: dict[tuple[str, float], dict[str, Cell]] = {}
    for (arm, alpha), group in rows.group_by("arm", "alpha", maintain_order=True):
        by_column = {column.name: rows_of(group, column) for column in report.overview.columns}
        found[str(arm), float(alpha)] = {name: cell(mine) for name, mine in by_column.items() if not mine.is_empty()}
    return found


def axes(report: Report) -> tuple[list[Column], list[Column]]:
    """The columns that negatives should improve and those that they may cost, which every curve has."""
    shared = [column for column in report.overview.columns if all(column.name in of for of in cells(report).values())]
    return [each for each in shared if not each.cost], [each for each in shared if each.cost]


def point(of: dict[str, Cell], columns: Sequence[Column]) -> float:
    """The mean of an arm's values in some columns."""
    return mean(of[column.name].value for column in columns)


def chosen(report: Report) -> dict[str, list[float]]:
    """Arm -> the alpha that was chosen for each seed, sorted; empty where nothing was chosen on."""
    rows = report.interpolated.filter("chosen").select("arm", "seed", "alpha").unique().sort("arm", "seed")
    found: dict[str, list[float]] = {}
    for arm, _, alpha in rows.iter_rows():
        found.setdefault(arm, []).append(alpha)
    return {arm: sorted(alphas) for arm, alphas in found.items()}


def section(report: Report) -> dict[str, Any] | None:
    """The section of the page; None without an interpolation."""
    if report.interpolated.is_empty():
        return None
    picked, rows, before = chosen(report), [], None
    seeds = report.interpolated["seed"].n_unique()
    for (arm, alpha), of in cells(report).items():
        times = picked.get(arm, []).count(alpha)
        mark = "" if not times else "yes" if seeds == 1 else f"{times} of {seeds} seeds"
        texts = [_text(of.get(column.name)) for column in report.overview.columns]
        rows.append({"arm": arm, "alpha": f"{alpha:g}", "chosen": mark, "cells": texts, "first": arm != before})
        before = arm
    gained, paid = axes(report)
    across = f"across: mean of {', '.join(each.title for each in paid)}; " if paid else ""
    up = f"up: mean of {', '.join(each.title for each in gained)}." if gained else ""
    choice = (
        "Chosen: the highest mean of both on split val, fine-grained metrics and those that may fall."
        if picked
        else "Nothing was chosen: no benchmark of the runs has items in a split val."
    )
    return {"choice": choice, "axes": across + up, "columns": report.overview.columns, "rows": rows}


def _text(found: Cell | None) -> dict[str, Any]:
    if found is None:
        return {"text": "-", "range": "", "best": False}
    values = list(found.by_seed.values())
    low, high = (found.low, found.high) if found.low is not None else (min(values), max(values))
    span = f"{100 * low:.0f} to {100 * high:.0f}" if low is not None and high is not None and low != high else ""
    return {"text": percent(found.value), "range": span, "best": False}
