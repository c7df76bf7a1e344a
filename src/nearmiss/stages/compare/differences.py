"""Paired differences: every arm against every control, question by question.

Two runs of one seed answered the same questions, so what counts is the difference on each question. Intervals and p
come from clusters of questions that share images; p is adjusted by Holm over one family: all arms against one control
in one seed on the primary endpoints. Other endpoints have a difference and an interval, and no p.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from nearmiss.base.tables import table
from nearmiss.engine.benchmarks.spec import BINDING, POOLED
from nearmiss.engine.scoring.classes import MEAN
from nearmiss.engine.scoring.exam import Exam
from nearmiss.engine.scoring.metrics import Key, endpoints
from nearmiss.engine.scoring.outcomes import ENDPOINT
from nearmiss.engine.scoring.statistics import holm, paired_intervals, sign_flip
from nearmiss.stages.compare.runs import Runs

FLIPS_PER_RESAMPLE = 100
"""Sign flips for each bootstrap resample: with 1000 resamples the smallest p before Holm is 1/100001."""


def primary(key: Key) -> bool:
    """Whether an endpoint is in the family: pooled single decisions (binding as one), Recall@1, mean zero-shot."""
    named = dict(zip(ENDPOINT, key, strict=True))
    if named["benchmark"] == "world":
        part_of_binding = named["operator"] == "swap" and named["concept"] in BINDING
        return named["subset"] == POOLED and named["metric"] == "accuracy" and not part_of_binding
    return named["metric"] == "recall@1" or named["task"] == MEAN


def differences(runs: Runs, exam: Exam, controls: Sequence[str], *, resamples: int, level: float) -> pl.DataFrame:
    """Table `differences`: a row an arm, control, seed and endpoint; arms in the runs' order.

    Pairs of which one run is missing are left out; `p` is Holm-adjusted, null outside the family.
    """
    tests: list[dict[str, Any]] = []
    for seed in runs.seeds:
        answered = {one.arm: exam.outcomes(one.scores) for one in runs.evaluations if one.seed == seed}
        pairs = [
            (arm, control)
            for control in controls
            for arm in runs.arms
            if {arm, control} <= set(answered) and arm != control
        ]
        if pairs:
            tests += _of_one_seed(answered, pairs, seed, runs.split, resamples=resamples, level=level)
    for control in controls:
        for seed in runs.seeds:
            family = [t for t in tests if (t["control"], t["seed"]) == (control, seed) and t["p"] is not None]
            for test, adjusted in zip(family, holm([t["p"] for t in family]), strict=True):
                test["p"] = adjusted
    return table("differences", tests)


def _of_one_seed(
    answered: dict[str, pl.DataFrame],
    pairs: list[tuple[str, str]],
    seed: int,
    split: str,
    *,
    resamples: int,
    level: float,
) -> list[dict[str, Any]]:
    """Every pair on every endpoint. All runs answered the same questions, so outcomes are in one order."""
    first = next(iter(answered.values()))
    values = {arm: dict(_values(frame)) for arm, frame in answered.items()}
    found: list[dict[str, Any]] = []
    for key, group in endpoints(first):
        weight, cluster = group["weight"].to_numpy(), group["cluster"].to_numpy()
        gaps = np.stack([values[arm][key] - values[control][key] for arm, control in pairs])
        names = [split, *key]
        low, high = paired_intervals(gaps, weight, cluster, resamples=resamples, level=level, names=names)
        tested = primary(key)
        p = sign_flip(gaps, cluster, flips=FLIPS_PER_RESAMPLE * resamples, names=names) if tested else None
        found += [
            {
                "arm": arm,
                "control": control,
                "seed": seed,
                "stage": "evaluate",
                **dict(zip(ENDPOINT, key, strict=True)),
                "split": split,
                "corruption": None,
                "severity": None,
                "share": None,
                "value": float(gaps[index].sum() / weight.sum()),
                "low": float(low[index]),
                "high": float(high[index]),
                "p": None if p is None else float(p[index]),
            }
            for index, (arm, control) in enumerate(pairs)
        ]
    return found


def _values(frame: pl.DataFrame) -> list[tuple[Key, np.ndarray]]:
    return [(key, group["value"].to_numpy()) for key, group in endpoints(frame)]
