"""Do synthesised pairs rank the arms as re-drawn ones do? Spearman's rank correlation over arms, concept by concept."""

from statistics import mean, median
from typing import Any

import polars as pl

from nearmiss.engine.scoring.statistics import spearman
from nearmiss.stages.compare.runs import Runs

FORM = "2x2"
METRICS = ("accuracy", "text", "image", "group")
FEW = 5
"""With fewer arms than this a rank correlation says next to nothing, and the page says so."""

CORRELATIONS = pl.Schema(
    {
        "concept": pl.String,  # null: the mean over the concepts that both kinds of pairs have
        "operator": pl.String,
        "metric": pl.String,
        "spearman": pl.Float64,  # null where all arms are equal on one kind of pairs
        "n_arms": pl.Int64,
        "n_inpainted": pl.Int64,
        "n_redrawn": pl.Int64,
    }
)


def pairs(runs: Runs, benchmark: str) -> pl.DataFrame:
    """Figures on 2x2 items of condition iid: concept, operator, metric, arm, value (median over seeds), chance, n."""
    metrics = runs.metrics().filter(
        pl.col("model") != "blind",
        pl.col("benchmark") == benchmark,
        pl.col("subset") == FORM,
        pl.col("condition") == "iid",
        pl.col("metric").is_in(METRICS),
        pl.col("concept") != "binding",  # no single concept
    )
    keys = ("concept", "operator", "metric", "arm")
    rows = [
        {
            **dict(zip(keys, key, strict=True)),
            "value": median(group["value"].to_list()),
            "chance": group["chance"][0],
            "blind": group["blind"][0],
            "n": group["n_scored"].to_numpy().min(),
        }
        for key, group in metrics.group_by(keys, maintain_order=True)
    ]
    figures = {"value": pl.Float64, "chance": pl.Float64, "blind": pl.Float64, "n": pl.Int64}
    return pl.DataFrame(rows, schema={**dict.fromkeys(keys, pl.String), **figures}, orient="row")


def correlations(runs: Runs) -> pl.DataFrame:
    """Table `correlations`: a row a concept and metric that both kinds of pairs have, then a row a metric over all.

    Over all, an arm's figure is the mean over these concepts, each counted alike.
    """
    keys = ["concept", "operator", "metric", "arm"]
    both = pairs(runs, "inpaintcoco").join(pairs(runs, "world"), on=keys, how="inner", suffix="_redrawn")
    rows: list[dict[str, Any]] = []
    for metric in METRICS:
        of_metric = both.filter(pl.col("metric") == metric)
        concepts = [
            (key, group.sort("arm")) for key, group in of_metric.group_by("concept", "operator", maintain_order=True)
        ]
        concepts.sort(key=lambda pair: tuple(str(part) for part in pair[0]))
        for (concept, operator), group in concepts:
            rows.append(_row(concept, operator, metric, group["value"], group["value_redrawn"], [group]))
        if concepts:
            arms = sorted(set(of_metric["arm"]))
            means = {
                column: pl.Series([mean(of_metric.filter(pl.col("arm") == arm)[column].to_list()) for arm in arms])
                for column in ("value", "value_redrawn")
            }
            groups = [group for _, group in concepts]
            rows.append(_row(None, None, metric, means["value"], means["value_redrawn"], groups))
    return pl.DataFrame(rows, schema=CORRELATIONS, orient="row")


def _row(
    concept: Any, operator: Any, metric: str, inpainted: pl.Series, redrawn: pl.Series, groups: list[pl.DataFrame]
) -> dict[str, Any]:
    return {
        "concept": concept,
        "operator": operator,
        "metric": metric,
        "spearman": spearman(inpainted.to_list(), redrawn.to_list()),
        "n_arms": len(inpainted),
        "n_inpainted": sum(int(group["n"][0]) for group in groups),
        "n_redrawn": sum(int(group["n_redrawn"][0]) for group in groups),
    }
