"""Paired differences of fine-tuned initialisations: every one against every control, example by example.

All initialisations of one seed learned from the same labels and answered the same examples. Intervals and p come from
clusters of examples that share an image or a text; p is adjusted by Holm over one family: all initialisations against
one control in one seed, on every task and condition, at the largest share of labels. At smaller shares there is a
difference and an interval, and no p.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_table, table
from nearmiss.engine.scoring.statistics import clusters, holm, paired_intervals, sign_flip
from nearmiss.stages.compare.differences import FLIPS_PER_RESAMPLE
from nearmiss.stages.compare.runs import Runs

KEY = ("task", "share", "condition", "concept")


def transfer_differences(
    runs: Runs, tables: Path, controls: Sequence[str], *, resamples: int, level: float
) -> pl.DataFrame:
    """Rows of table `differences` (stage finetune): one an initialisation, control, seed, task, share and condition.

    `tables` holds the tables of examples, which say what each example is about. Pairs of which one run is missing are
    left out. Raises InputError where a prediction's example is in no table.
    """
    if not runs.finetunings:
        return table("differences", [])
    asked = _examples(runs, Path(tables))
    largest = float(asked["share"].to_numpy().max())
    tests: list[dict[str, Any]] = []
    for seed in sorted({one.seed for one in runs.finetunings}):
        right = {one.arm: _right(asked, one.predictions) for one in runs.finetunings if one.seed == seed}
        pairs = [(arm, control) for control in controls for arm in right if control in right and arm != control]
        for key, group in asked.group_by(KEY, maintain_order=True) if pairs else ():
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
    for control, seed in sorted({(test["control"], test["seed"]) for test in tests}):
        family = [t for t in tests if (t["control"], t["seed"]) == (control, seed) and t["p"] is not None]
        for test, adjusted in zip(family, holm([t["p"] for t in family]), strict=True):
            test["p"] = adjusted
    return table("differences", tests)


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
    """What all initialisations were asked, sorted: KEY, example_id, label, links (image and text), row."""
    asked = runs.finetunings[0].predictions.select("task", "share", "condition", "example_id", "label")
    known = pl.concat(
        [
            read_table(tables / f"examples_{task}.parquet", "examples").select(
                "task", "example_id", "concept", _links()
            )
            for task in sorted(set(asked["task"]))
        ]
    )
    joined = asked.join(known, on=["task", "example_id"], how="left")
    unknown = joined.filter(pl.col("links").is_null())
    if not unknown.is_empty():
        raise InputError(
            "an example that was answered is in no table of examples",
            file=tables / f"examples_{unknown['task'][0]}.parquet",
            record=unknown["example_id"][0],
            remedy="fine-tune again on this data, or give the data that the runs were made from",
        )
    return joined.sort(*KEY, "example_id", nulls_last=False).with_row_index("row")


def _links() -> pl.Expr:
    image = pl.format("image {}", "image_id")
    text = pl.format("text {}", "text")
    return pl.concat_list(image, pl.coalesce(text, image)).alias("links")


def _right(asked: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
    """1.0 where an example of `asked` was answered right, in its order."""
    keys = ["task", "share", "example_id"]
    joined = asked.select(*keys, "label", "row").join(predictions.select(*keys, "predicted"), on=keys, how="left")
    return np.asarray((joined.sort("row")["predicted"] == joined.sort("row")["label"]).cast(pl.Float64).to_numpy())
