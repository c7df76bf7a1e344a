"""Results of a paper beside those of the experiment: values, coverage, and what an empty cell needs."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from statistics import mean, median
from typing import Any

import polars as pl

from nearmiss.engine.benchmarks.paper_tables import Paper, PaperColumn, PaperTable, papers
from nearmiss.stages.compare.runs import Runs

_NONE = "none"  # in the data file: arms without a counterpart in the paper


@dataclass(frozen=True)
class Measured:
    """A metric of an arm: the median over seeds of the mean over subsets, a share; and items scored and expected."""

    value: float
    n_scored: int
    n_expected: int


def section(name: str | None, runs: Runs) -> dict[str, Any] | None:
    """The section of the page as values for the template; None where the configuration names no paper."""
    if name is None:
        return None
    paper = papers()[name]
    metrics = runs.metrics().filter(pl.col("model") != "blind")
    return {
        "title": paper.title,
        "differences": paper.differences,
        "tables": [_table(table, metrics, runs) for table in paper.tables],
    }


def sentence(name: str | None, runs: Runs) -> str:
    """One line for the terminal: how many cells of the paper's tables have a value here; empty without a paper."""
    if name is None:
        return ""
    found, every = _filled(papers()[name], runs)
    return f"Published results ({name}): {found} of {every} cells have a value here; index.html shows both."


def _filled(paper: Paper, runs: Runs) -> tuple[int, int]:
    metrics = runs.metrics().filter(pl.col("model") != "blind")
    cells = [
        measured(metrics, arm, column)
        for table in paper.tables
        for row in table.rows
        for arm in row.arms
        for column in table.columns.values()
    ]
    return sum(cell is not None for cell in cells), len(cells)


def measured(metrics: pl.DataFrame, arm: str, column: PaperColumn) -> Measured | None:
    """A column of a paper's table for an arm, from table `metrics`; None where a subset of it has no value."""
    rows = metrics.filter(arm=arm, benchmark=column.benchmark, metric=column.metric)
    rows = rows.filter(pl.col("condition").is_null() | (pl.col("condition") == "iid"))
    if column.concept is not None:
        rows = rows.filter(concept=column.concept)
    wanted = _subsets(column, rows["subset"].drop_nulls().unique().sort().to_list())
    rows = rows.filter(pl.col("subset").is_in(wanted) & pl.col("value").is_not_null())
    by_seed = [group for _, group in rows.group_by("seed", maintain_order=True)]
    if not wanted or not by_seed or any(set(group["subset"]) != set(wanted) for group in by_seed):
        return None
    values = [mean(group["value"].to_list()) for group in by_seed]
    first = by_seed[0]
    return Measured(float(median(values)), int(first["n_scored"].sum()), int(first["n_expected"].sum()))


def _subsets(column: PaperColumn, known: list[str]) -> list[str]:
    """Names of subsets as they stand, patterns as the subsets that they match."""
    names = [name for name in column.subsets if "*" not in name]
    patterns = [name for name in column.subsets if "*" in name]
    return [*names, *(name for name in known if any(fnmatchcase(name, pattern) for pattern in patterns))]


def _table(table: PaperTable, metrics: pl.DataFrame, runs: Runs) -> dict[str, Any]:
    """Rows in the paper's order: its own values, then those of the arms that stand for the model."""
    rows: list[dict[str, Any]] = []
    coverage: dict[str, str] = {}
    empty: set[str] = set()
    for row in table.rows:
        if row.model != _NONE:
            rows.append({"name": row.model, "published": True, "cells": _published(row.values, len(table.columns))})
        for arm in row.arms:
            cells = [measured(metrics, arm, column) for column in table.columns.values()]
            rows.append({"name": arm, "published": False, "cells": [_shown(cell) for cell in cells]})
            for name, cell in zip(table.columns, cells, strict=True):
                if cell is None and arm in runs.arms:
                    empty.add(table.columns[name].benchmark)
                elif cell is not None:
                    coverage.setdefault(name, f"{cell.n_scored:,} of {cell.n_expected:,}")
    return {
        "title": table.title,
        "source": table.source,
        "verified": table.verified,
        "columns": list(table.columns),
        "rows": rows,
        "coverage": [coverage.get(name, "") for name in table.columns],
        "needs": _needs(table, runs, empty),
    }


def _published(values: list[float | None], count: int) -> list[str]:
    return [f"{value:.1f}" if value is not None else "" for value in values or [None] * count]


def _shown(cell: Measured | None) -> str:
    if cell is None:
        return "-"
    return f"{100 * cell.value:.1f}{'' if cell.n_scored == cell.n_expected else ' *'}"


def _needs(table: PaperTable, runs: Runs, empty: set[str]) -> list[str]:
    """What the empty and the incomplete cells need, one sentence for each cause.

    `empty` are benchmarks of columns in which an arm of the experiment has no value.
    """
    found: list[str] = []
    if not all(row.values for row in table.rows if row.model != _NONE):
        found.append(
            f"Values of the paper are missing: add the {table.source} to engine/benchmarks/data/paper_tables.yaml."
        )
    if missing := [arm for row in table.rows for arm in row.arms if arm not in runs.arms]:
        found.append(f"Not trained here: {', '.join(dict.fromkeys(missing))}; list these under arms.")
    for benchmark in dict.fromkeys(column.benchmark for column in table.columns.values()):
        scored = [one.benchmarks[benchmark] for one in runs.evaluations if benchmark in one.benchmarks]
        absent = any(benchmark in (one.measurement.get("absent") or []) for one in runs.evaluations)
        if absent:
            found.append(f"{benchmark}: no files; `nearmiss benchmarks list --data-root DATA` shows where they belong.")
        elif not scored:
            found.append(f"{benchmark}: not evaluated; add it to evaluate.benchmarks.")
        elif not all(each.get("complete", True) for each in scored):
            found.append(f"{benchmark} *: scored in part; `nearmiss benchmarks list --data-root DATA` shows the rest.")
        elif benchmark in empty:
            found.append(f"{benchmark}: some parts have no items, or too few for the metric.")
    return found
