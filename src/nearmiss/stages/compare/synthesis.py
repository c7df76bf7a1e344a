"""Synthesised pairs beside re-drawn ones: scores of every arm, rank correlations, what was made and refused."""

from typing import Any

import polars as pl

from nearmiss.stages.compare.correlations import FEW, METRICS, pairs
from nearmiss.stages.compare.findings import percent
from nearmiss.stages.compare.report import Report

PAIRS, SUMMARY = "test-00000-of-00001.parquet", "summary.json"
SOURCES = (("inpaintcoco", "synthesised"), ("world", "re-drawn"))


def score_rows(report: Report) -> list[dict[str, Any]]:
    """Of each concept that was synthesised and each score, a row for synthesised and one for re-drawn pairs."""
    found = {name: pairs(report.runs, name) for name, _ in SOURCES}
    inpainted = found["inpaintcoco"]
    rows = []
    for concept, operator in sorted(set(inpainted.select("concept", "operator").iter_rows())):
        for metric in METRICS:
            for name, source in SOURCES:
                mine = found[name].filter(concept=concept, operator=operator, metric=metric)
                if mine.is_empty():
                    continue
                values = dict(mine.select("arm", "value").iter_rows())
                rows.append(
                    {
                        "concept": f"{concept}, {operator}",
                        "metric": metric,
                        "source": source,
                        "n": f"{mine['n'][0]:,}",
                        "chance": percent(mine["chance"][0]),
                        "blind": "-" if mine["blind"][0] is None else percent(mine["blind"][0]),
                        "cells": [percent(values[arm]) if arm in values else "-" for arm in report.runs.arms],
                    }
                )
    return rows


def correlation_rows(report: Report) -> list[dict[str, str]]:
    """A row a concept, the mean over concepts last: Spearman's correlation of each score."""
    table = report.correlations
    keys = table.select("concept", "operator").unique(maintain_order=True).sort("concept", nulls_last=True)
    rows = []
    for concept, operator in keys.iter_rows():
        same = pl.col("concept").eq_missing(concept) & pl.col("operator").eq_missing(operator)
        mine = table.filter(same)
        values = dict(mine.select("metric", "spearman").iter_rows())
        rows.append(
            {
                "concept": "all, mean over concepts" if concept is None else f"{concept}, {operator}",
                "arms": str(mine["n_arms"][0]),
                "pairs": f"{mine['n_inpainted'][0]:,} / {mine['n_redrawn'][0]:,}",
                **{metric: correlation_text(values.get(metric)) for metric in METRICS},
            }
        )
    return rows


def correlation_text(value: float | None) -> str:
    """A correlation with its sign, or why there is none."""
    return "arms tie" if value is None else f"{value:+.2f}"


def pooled(table: pl.DataFrame) -> tuple[float | None, int] | None:
    """The correlation of accuracies over all concepts and the number of arms, or None where nothing was compared."""
    row = table.filter(pl.col("concept").is_null(), pl.col("metric") == "accuracy")
    return None if row.is_empty() else (row["spearman"][0], int(row["n_arms"][0]))


def caution(table: pl.DataFrame) -> str:
    """What a rank correlation over so few arms allows one to say."""
    found = pooled(table)
    if found is None or found[1] >= FEW:
        return ""
    return f"With {found[1]} arms a rank correlation says next to nothing: it is printed for completeness."


def sentences(counted: dict[str, Any]) -> list[str]:
    """How many pairs were made, and how many pixels they changed where they should not."""
    if not counted:
        return []
    asked = sum(of["asked"] for of in counted["by_operation"].values())
    changed = counted["changed_outside_masks"]
    return [
        f"{counted['pairs']:,} pairs were made of {asked:,} asked for; {counted['rejected']:,} candidates were "
        "refused, each with its reason.",
        f"Pixels changed outside the edits' masks, counted over all pairs: {changed:,}.",
    ]


def operation_rows(counted: dict[str, Any]) -> list[dict[str, str]]:
    """A row an operation: pairs asked for and made, pictures tried, and why candidates were refused."""
    rows = []
    for name, of in sorted(counted.get("by_operation", {}).items()):
        reasons = sorted(of["reasons"].items(), key=lambda pair: (-pair[1], pair[0]))
        rows.append(
            {
                "operation": name,
                "pairs": f"{of['pairs']:,} of {of['asked']:,}",
                "pictures": f"{of['pictures']:,}",
                "refused": f"{sum(of['reasons'].values()):,}",
                "reasons": "; ".join(f"{reason} ({count:,})" for reason, count in reasons),
            }
        )
    return rows
