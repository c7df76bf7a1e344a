"""Every concept in every form of item: single decisions, text, image and group score, and the paraphrase's verdict."""

from statistics import median
from typing import Any

import polars as pl

from nearmiss.engine.benchmarks.spec import POOLED
from nearmiss.stages.compare.findings import percent
from nearmiss.stages.compare.runs import Runs

_METRICS = ("accuracy", "text", "image", "group", "strict")


def form_rows(runs: Runs) -> list[dict[str, Any]]:
    """A row a concept, operator, form and metric, condition iid: n, chance, blind and each arm's median over seeds."""
    keys = ("concept", "operator", "subset", "metric")
    metrics = runs.metrics().filter(
        pl.col("model") != "blind",
        pl.col("benchmark") == "world",
        pl.col("condition") == "iid",
        pl.col("subset") != POOLED,
    )
    rows = []
    for (concept, operator, subset, metric), group in metrics.group_by(keys, maintain_order=True):
        values = {
            str(arm): percent(median(mine["value"].to_list()))
            for (arm,), mine in group.group_by("arm", maintain_order=True)
        }
        rows.append(
            {
                "concept": f"{concept}, {operator}",
                "form": str(subset),
                "metric": str(metric),
                "n": f"{group['n_scored'][0]:,} / {group['n_expected'][0]:,}",
                "chance": percent(group["chance"][0]),
                "blind": percent(group["blind"][0]),
                "cells": [values.get(arm, "-") for arm in runs.arms],
            }
        )
    return sorted(rows, key=lambda row: (row["concept"], row["form"], _METRICS.index(str(row["metric"]))))
