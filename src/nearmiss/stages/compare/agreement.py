"""Agreement of two benchmarks on the ranking of arms: Spearman's rank correlation by concept.

Two benchmarks are compared if they have items of the same subset, concept and operator, for example 2x2 items of edited
images and of the same change in the synthetic world.
"""

from itertools import combinations
from statistics import mean, median
from typing import Any

import polars as pl

from nearmiss.engine.scoring.statistics import spearman
from nearmiss.stages.compare.overview import card, in_order, percent
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.runs import Runs

METRICS = ("accuracy", "text", "image", "group", "score")
FEW = 5
"""Minimum number of arms for a reliable rank correlation; the page shows a warning below it."""

CORRELATIONS = pl.Schema(
    {
        "benchmark": pl.String,
        "reference": pl.String,
        "concept": pl.String,  # null: the mean over the concepts that both benchmarks have
        "operator": pl.String,
        "metric": pl.String,
        "spearman": pl.Float64,  # null if all arms are equal on one benchmark
        "n_arms": pl.Int64,
        "n_benchmark": pl.Int64,
        "n_reference": pl.Int64,
    }
)
_KEYS = ("subset", "concept", "operator", "metric", "arm")


def concept_metrics(runs: Runs, benchmark: str) -> pl.DataFrame:
    """Metrics of condition iid: subset, concept, operator, metric, arm, value (median over seeds), chance, blind, n.

    Pools of subsets and of concepts are excluded.
    """
    known = card(benchmark)
    rules = None if known is None else known.measurement
    metrics = runs.metrics().filter(
        pl.col("model") != "blind",
        pl.col("benchmark") == benchmark,
        pl.col("condition") == "iid",
        pl.col("value").is_not_null(),
        pl.col("concept").is_not_null(),
        pl.col("metric").is_in(METRICS),
        ~pl.col("subset").is_in([] if rules is None else list(rules.pooled_subsets)),
        ~pl.col("concept").is_in([] if rules is None else list(rules.pooled_concepts)),
    )
    rows = [
        {
            **dict(zip(_KEYS, key, strict=True)),
            "value": median(group["value"].to_list()),
            "chance": group["chance"][0],
            "blind": group["blind"][0],
            "n": group["n_scored"].to_numpy().min(),
        }
        for key, group in metrics.group_by(_KEYS, maintain_order=True)
    ]
    figures = {"value": pl.Float64, "chance": pl.Float64, "blind": pl.Float64, "n": pl.Int64}
    return pl.DataFrame(rows, schema={**dict.fromkeys(_KEYS, pl.String), **figures}, orient="row")


def correlations(runs: Runs) -> pl.DataFrame:
    """Table `correlations`: for each two benchmarks, one row per common concept and metric, then one row per metric
    over all concepts.

    Over all, an arm's value is the unweighted mean over these concepts.
    """
    names = in_order(set(runs.metrics()["benchmark"]))
    found = {name: concept_metrics(runs, name) for name in names}
    rows: list[dict[str, Any]] = []
    for reference, benchmark in combinations([name for name in names if not found[name].is_empty()], 2):
        both = found[benchmark].join(found[reference], on=_KEYS, how="inner", suffix="_reference")
        rows += [{"benchmark": benchmark, "reference": reference, **row} for row in _of_two(both)]
    return pl.DataFrame(rows, schema=CORRELATIONS, orient="row")


def _of_two(both: pl.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for metric in METRICS:
        of_metric = both.filter(pl.col("metric") == metric)
        keys = ("concept", "operator", "subset")
        concepts = [(key, group.sort("arm")) for key, group in of_metric.group_by(keys, maintain_order=True)]
        concepts.sort(key=lambda pair: tuple(str(part) for part in pair[0]))
        for (concept, operator, _), group in concepts:
            rows.append(_row(concept, operator, metric, group["value"], group["value_reference"], [group]))
        if concepts:
            arms = sorted(set(of_metric["arm"]))
            means = {
                column: pl.Series([mean(of_metric.filter(pl.col("arm") == arm)[column].to_list()) for arm in arms])
                for column in ("value", "value_reference")
            }
            groups = [group for _, group in concepts]
            rows.append(_row(None, None, metric, means["value"], means["value_reference"], groups))
    return rows


def _row(
    concept: Any, operator: Any, metric: str, first: pl.Series, second: pl.Series, groups: list[pl.DataFrame]
) -> dict[str, Any]:
    return {
        "concept": concept,
        "operator": operator,
        "metric": metric,
        "spearman": spearman(first.to_list(), second.to_list()),
        "n_arms": len(first),
        "n_benchmark": sum(int(group["n"][0]) for group in groups),
        "n_reference": sum(int(group["n_reference"][0]) for group in groups),
    }


def metrics_of(table: pl.DataFrame) -> list[str]:
    """The metrics that are correlated, in reading order."""
    return [metric for metric in METRICS if metric in set(table["metric"])]


def correlation_rows(table: pl.DataFrame) -> list[dict[str, Any]]:
    """One row per concept of two benchmarks, the mean over concepts last: Spearman's correlation of each metric."""
    rows = []
    for (benchmark, reference), of_two in table.group_by("benchmark", "reference", maintain_order=True):
        keys = of_two.select("concept", "operator").unique(maintain_order=True).sort("concept", nulls_last=True)
        for concept, operator in keys.iter_rows():
            same = pl.col("concept").eq_missing(concept) & pl.col("operator").eq_missing(operator)
            mine = of_two.filter(same)
            values = dict(mine.select("metric", "spearman").iter_rows())
            whole = concept is None
            rows.append(
                {
                    "benchmarks": f"{benchmark} and {reference}",
                    "concept": "all, mean over concepts" if whole else f"{concept}, {operator}",
                    "arms": str(mine["n_arms"][0]),
                    "items": f"{mine['n_benchmark'][0]:,} / {mine['n_reference'][0]:,}",
                    "values": [
                        correlation_text(values[metric]) if metric in values else "" for metric in metrics_of(table)
                    ],
                }
            )
    return rows


def correlation_text(value: float | None) -> str:
    """A correlation with its sign, or the reason why there is none."""
    return "arms tie" if value is None else f"{value:+.2f}"


def pooled(table: pl.DataFrame) -> list[tuple[str, str, float | None, int]]:
    """For each two benchmarks, the correlation of the first metric over all concepts, and the number of arms."""
    rows = table.filter(pl.col("concept").is_null()).unique(
        ("benchmark", "reference"), maintain_order=True, keep="first"
    )
    return list(rows.select("benchmark", "reference", "spearman", "n_arms").iter_rows())


def caution(table: pl.DataFrame) -> str:
    """A warning if there are too few arms for a rank correlation."""
    least = min((arms for _, _, _, arms in pooled(table)), default=FEW)
    return "" if least >= FEW else f"With {least} arms a rank correlation is not reliable."


def concept_rows(report: Report) -> list[dict[str, Any]]:
    """For each common concept and metric of two benchmarks, a row for each benchmark."""
    table = report.correlations.filter(pl.col("concept").is_not_null())
    rows = []
    for benchmark, reference, concept, operator, metric in table.select(
        "benchmark", "reference", "concept", "operator", "metric"
    ).iter_rows():
        for name in (benchmark, reference):
            mine = concept_metrics(report.runs, name).filter(concept=concept, operator=operator, metric=metric)
            values = dict(mine.select("arm", "value").iter_rows())
            rows.append(
                {
                    "concept": f"{concept}, {operator}",
                    "metric": metric,
                    "benchmark": name,
                    "n": f"{mine['n'][0]:,}",
                    "chance": percent(mine["chance"][0]),
                    "blind": percent(mine["blind"][0]),
                    "cells": [percent(values[arm]) if arm in values else "-" for arm in report.runs.arms],
                }
            )
    return rows
