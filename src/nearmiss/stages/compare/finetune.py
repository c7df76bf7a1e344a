"""Fine-tuned initializations on downstream tasks: their columns, rows of the page, and paired differences.

All initializations of one seed were fine-tuned on the same labels and evaluated on the same examples. Intervals and p
are computed over clusters of examples that share an image or a text. p is adjusted by Holm over one family: all
initializations against one control in one seed, on every task and condition, at the largest share of labels. Smaller
shares have a difference and an interval, but no p.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_table, table
from nearmiss.engine.scoring.statistics import clusters, paired_intervals, sign_flip
from nearmiss.stages.compare.differences import FLIPS_PER_RESAMPLE, adjusted
from nearmiss.stages.compare.overview import Column, Overview, filled_overview, percent
from nearmiss.stages.compare.runs import Runs

KEY = ("task", "share", "condition", "concept")


def columns(runs: Runs, titles: Mapping[str, str]) -> list[Column]:
    """One column per task, share of labels, condition and concept, in reading order. `titles` are those of tasks."""
    if not runs.finetunings:
        return []
    metrics = runs.finetunings[0].metrics.filter(metric="accuracy")
    examples = metrics.select(KEY).unique(maintain_order=True)
    tasks, conditions = (list(dict.fromkeys(examples[name])) for name in ("task", "condition"))
    conditions.sort(key=lambda name: name != "iid")
    several = (
        examples.group_by("task").agg(pl.col("concept").n_unique()).filter(pl.col("concept") > 1)["task"].to_list()
    )
    rows = sorted(
        examples.iter_rows(named=True),
        key=lambda row: (
            tasks.index(row["task"]),
            row["share"],
            conditions.index(row["condition"]),
            row["concept"] or "",
        ),
    )
    return [_column(row, titles.get(row["task"], row["task"]), named=row["task"] in several) for row in rows]


def _column(row: dict[str, Any], task: str, *, named: bool) -> Column:
    condition = (row["condition"] or "").replace("_", " ")
    where = {"stage": "finetune", "metric": "accuracy"} | {name: row[name] for name in KEY if row[name] is not None}
    return Column(
        name="/".join(str(part) for part in row.values() if part is not None),
        title=f"{row['concept']}, {condition}" if named else condition,
        description=f"{task} with {share_text(row['share'])}, {condition}",
        where=where,
        short=task,
    )


def finetuned(runs: Runs, titles: Mapping[str, str]) -> Overview:
    """The metrics of every initialization in these columns."""
    rows = [one.metrics for one in runs.finetunings]
    shown = columns(runs, titles)
    return filled_overview(pl.concat(rows), shown, runs.initializations) if rows else Overview([], {}, {}, {}, {})


def largest_share(shown: Overview) -> float:
    """The largest share of the labels that was used."""
    return max(float(column.where["share"]) for column in shown.columns)


def share_text(share: float) -> str:
    """A share of the labels as text."""
    return "all labels" if share == 1 else f"{100 * share:g} % of the labels"


def panels(shown: Overview) -> list[tuple[str, list[Column]]]:
    """The columns of each task and share of labels, with their common name."""
    grouped = groupby(shown.columns, lambda column: (column.short, column.where["share"]))
    return [(f"{task}, {share_text(float(share))}", list(group)) for (task, share), group in grouped]


def finetune_rows(shown: Overview) -> list[dict[str, Any]]:
    """Chance, blind, then one row per initialization: accuracy with interval (one seed) or range (several)."""
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


def _plain(text: str, interval: str = "") -> dict[str, Any]:
    return {"text": text, "range": interval, "best": False}


def _ends(values: list[float]) -> tuple[float | None, float | None]:
    return (min(values), max(values)) if len(values) > 1 else (None, None)


def finetune_differences(
    runs: Runs, tables: Path | None, controls: Sequence[str], *, resamples: int, level: float
) -> pl.DataFrame:
    """Rows of table `differences` (stage finetune): one per initialization, control, seed, task, share and condition.

    `tables` is the folder of the tables of examples. Pairs with a missing run are omitted. Raises InputError if the
    example of a prediction is not in a table.
    """
    if not runs.finetunings:
        return table("differences", [])
    if tables is None:
        raise InputError("fine-tuned models need the examples of their predictions", remedy="give --data")
    examples = _examples(runs, tables)
    largest = float(examples["share"].to_numpy().max())
    tests: list[dict[str, Any]] = []
    for seed in sorted({one.seed for one in runs.finetunings}):
        right = {one.arm: _right(examples, one.predictions) for one in runs.finetunings if one.seed == seed}
        pairs = [(arm, control) for control in controls for arm in right if control in right and arm != control]
        for key, group in examples.group_by(KEY, maintain_order=True) if pairs else ():
            named = dict(zip(KEY, key, strict=True))
            rows = group["row"].to_numpy()
            gaps = np.stack([right[arm][rows] - right[control][rows] for arm, control in pairs])
            links = clusters(group["links"].to_list())
            names = ["finetune", *key]
            weight = np.ones(len(rows))
            low, high = paired_intervals(gaps, weight, links, resamples=resamples, level=level, names=names)
            tested = named["share"] == largest
            p = sign_flip(gaps, links, flips=FLIPS_PER_RESAMPLE * resamples, names=names) if tested else None
            tests += [
                {
                    **_ENDPOINT,
                    **named,
                    "arm": arm,
                    "control": control,
                    "seed": seed,
                    "benchmark": named["task"],
                    "value": float(gaps[place].mean()),
                    "low": float(low[place]),
                    "high": float(high[place]),
                    "p": None if p is None else float(p[place]),
                }
                for place, (arm, control) in enumerate(pairs)
            ]
    return table("differences", adjusted(tests))


_ENDPOINT = {
    "stage": "finetune",
    "subset": None,
    "operator": None,
    "split": "test",
    "corruption": None,
    "severity": None,
    "metric": "accuracy",
}


def _examples(runs: Runs, tables: Path) -> pl.DataFrame:
    """The examples of all initializations, sorted: KEY, example_id, label, links (image and text), row."""
    examples = runs.finetunings[0].predictions.select("task", "share", "condition", "example_id", "label")
    known = pl.concat(
        [
            read_table(tables / f"examples_{task}.parquet", "examples").select(
                "task", "example_id", "concept", _links()
            )
            for task in sorted(set(examples["task"]))
        ]
    )
    joined = examples.join(known, on=["task", "example_id"], how="left")
    unknown = joined.filter(pl.col("links").is_null())
    if not unknown.is_empty():
        raise InputError(
            "the example of a prediction is not in a table of examples",
            file=tables / f"examples_{unknown['task'][0]}.parquet",
            record=unknown["example_id"][0],
            remedy="fine-tune again on this data, or give the data of the runs",
        )
    return joined.sort(*KEY, "example_id", nulls_last=False).with_row_index("row")


def _links() -> pl.Expr:
    image = pl.format("image {}", "image_id")
    text = pl.format("text {}", "text")
    return pl.concat_list(image, pl.coalesce(text, image)).alias("links")


def _right(examples: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
    """1.0 for each correct prediction, in the order of `examples`."""
    keys = ["task", "share", "example_id"]
    joined = examples.select(*keys, "label", "row").join(predictions.select(*keys, "predicted"), on=keys, how="left")
    return np.asarray((joined.sort("row")["predicted"] == joined.sort("row")["label"]).cast(pl.Float64).to_numpy())
