"""Paired differences: every arm against every control, item by item.

Two runs of one seed scored the same items, so differences are computed on each item; if images are missing in one run,
on the items that both scored. Intervals and p are computed over clusters of items that share images. p is adjusted by
Holm over one family: all arms against one control in one seed on the primary endpoints, the headlines of the
benchmarks. Other endpoints have a difference and an interval, but no p.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from nearmiss.base.tables import table
from nearmiss.engine.scoring.endpoints import ENDPOINT, Endpoint, endpoints
from nearmiss.engine.scoring.statistics import holm, paired_intervals, sign_flip
from nearmiss.stages.compare.overview import Column
from nearmiss.stages.compare.runs import Runs

FLIPS_PER_RESAMPLE = 100
"""Sign flips per bootstrap resample: with 1000 resamples the smallest p before Holm is 1/100001."""

Pair = tuple[str, str]
"""Arm and control."""


def primary(key: Endpoint, columns: Sequence[Column]) -> bool:
    """Whether an endpoint is in the family, which consists of the columns."""
    named = dict(zip(ENDPOINT, key, strict=True))
    return any(column.where.items() <= named.items() for column in columns)


def differences(
    runs: Runs, columns: Sequence[Column], controls: Sequence[str], *, resamples: int, level: float
) -> pl.DataFrame:
    """Table `differences`: one row per arm, control, seed and endpoint; arms in the runs' order.

    Pairs with a missing run or without a common scored item are omitted; `p` is Holm-adjusted, null outside of the
    family.
    """
    tests: list[dict[str, Any]] = []
    for seed in runs.seeds:
        scored = {one.arm: dict(endpoints(one.outcomes)) for one in runs.evaluations if one.seed == seed}
        pairs = [
            (arm, control)
            for control in controls
            for arm in runs.arms
            if {arm, control} <= set(scored) and arm != control
        ]
        keys = dict.fromkeys(key for arm in scored for key in scored[arm])
        for key in sorted(keys, key=lambda key: [(part is not None, part or "") for part in key]) if pairs else ():
            outcomes = {arm: found[key] for arm, found in scored.items() if key in found}
            split = runs.splits[str(key[0])]
            names = [split, *key]
            flips = FLIPS_PER_RESAMPLE * resamples if primary(key, columns) else None
            shared = {**dict(zip(ENDPOINT, key, strict=True)), "stage": "evaluate", "seed": seed, "split": split}
            tests += [
                {**_UNUSED, **shared, "arm": arm, "control": control, **found}
                for (arm, control), found in _of_one_endpoint(outcomes, pairs, names, flips, resamples, level).items()
            ]
    return table("differences", adjusted(tests))


def adjusted(tests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tests with p adjusted by Holm, a family for each control and seed."""
    for control, seed in sorted({(test["control"], test["seed"]) for test in tests}):
        family = [t for t in tests if (t["control"], t["seed"]) == (control, seed) and t["p"] is not None]
        for test, value in zip(family, holm([t["p"] for t in family]), strict=True):
            test["p"] = value
    return tests


_UNUSED = {"corruption": None, "severity": None, "share": None}


def _of_one_endpoint(
    outcomes: dict[str, pl.DataFrame],
    pairs: Sequence[Pair],
    names: Sequence[object],
    flips: int | None,
    resamples: int,
    level: float,
) -> dict[Pair, dict[str, float | None]]:
    """Value, low, high and p of each pair. Pairs that share the same items are computed together."""
    groups: dict[tuple[int, int], list[Pair]] = {}
    joined: dict[Pair, pl.DataFrame] = {}
    for arm, control in pairs:
        if arm in outcomes and control in outcomes:
            both = _joined(outcomes[arm], outcomes[control])
            if not both.is_empty():
                joined[arm, control] = both
                items = both.select("item_id", "weight").hash_rows().to_numpy()
                groups.setdefault((len(items), int(np.bitwise_xor.reduce(items))), []).append((arm, control))
    found: dict[Pair, dict[str, float | None]] = {}
    for group in groups.values():
        weight, cluster = (joined[group[0]][name].to_numpy() for name in ("weight", "cluster"))
        gaps = np.stack([joined[pair]["gap"].to_numpy() for pair in group])
        low, high = paired_intervals(gaps, weight, cluster, resamples=resamples, level=level, names=names)
        p = None if flips is None else sign_flip(gaps, cluster, flips=flips, names=names)
        for place, pair in enumerate(group):
            found[pair] = {
                "value": float(gaps[place].sum() / weight.sum()),
                "low": float(low[place]),
                "high": float(high[place]),
                "p": None if p is None else float(p[place]),
            }
    return {pair: found[pair] for pair in pairs if pair in found}


def _joined(one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """item_id, cluster, weight and gap (one minus other, times weight) of the items that both have.

    Weights are those of `one`: in an average over strata, weights depend on the missing items.
    """
    both = one.select("item_id", "cluster", "weight", "value").join(
        other.select("item_id", other_weight="weight", other="value"), on="item_id", how="inner", maintain_order="left"
    )
    same = pl.col("weight") == pl.col("other_weight")
    scaled = pl.col("other") / pl.col("other_weight") * pl.col("weight")
    return both.with_columns(gap=pl.col("value") - pl.when(same).then("other").otherwise(scaled))
