"""The table of a registered study: every compared arm against its controls on the primary endpoints, over all seeds.

p is adjusted by Holm over one family of all superiority tests of the study and one of all non-inferiority tests. A
superiority test is two-sided at 1 - level; a non-inferiority test is one-sided at half of that, as its interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.engine.scoring.endpoints import ENDPOINT
from nearmiss.engine.scoring.over_seeds import Difference, difference
from nearmiss.engine.scoring.statistics import holm
from nearmiss.stages.compare.config import PrimaryEndpoint, StudyConfig

Outcomes = Mapping[tuple[str, int], pl.DataFrame]
"""(arm, seed) -> table `outcomes` of the run."""


@dataclass(frozen=True)
class Row:
    """One test: an arm against a control on an endpoint."""

    arm: str
    control: str
    endpoint: str
    margin: float | None
    seeds: list[int]
    """Seeds that both have."""
    n_items: int
    of_arm: dict[int, float]
    """Seed -> the arm's value, a share."""
    of_control: dict[int, float]
    found: Difference | None
    """None with fewer than two common seeds."""
    p_adjusted: float | None = None
    holds: bool | None = field(default=None)
    """Whether the hypothesis that is tested holds after Holm's adjustment."""


def study_rows(study: StudyConfig, outcomes: Outcomes, *, level: float) -> list[Row]:
    """Every test in the order of the configuration.

    Raises InputError if a primary endpoint selects no endpoint of a run, or several.
    """
    rows = [
        _row(arm, control, endpoint, study, outcomes, level)
        for endpoint in study.primary
        for arm, controls in study.comparisons.items()
        for control in controls
    ]
    alpha = 1 - level
    superior = _adjusted([row for row in rows if row.margin is None], alpha)
    others = _adjusted([row for row in rows if row.margin is not None], alpha / 2)
    decided = {(row.arm, row.control, row.endpoint): row for row in [*superior, *others]}
    return [decided[row.arm, row.control, row.endpoint] for row in rows]


def _adjusted(rows: Sequence[Row], alpha: float) -> list[Row]:
    """The rows with adjusted p. A test that could not be made counts as one of the family, with p = 1."""
    adjusted = holm([1.0 if row.found is None else row.found.p for row in rows])
    return [
        row if row.found is None else replace(row, p_adjusted=p, holds=p < alpha)
        for row, p in zip(rows, adjusted, strict=True)
    ]


def _row(
    arm: str, control: str, endpoint: PrimaryEndpoint, study: StudyConfig, outcomes: Outcomes, level: float
) -> Row:
    seeds = {name: {seed for each, seed in outcomes if each == name} for name in (arm, control)}
    common = sorted(seeds[arm] & seeds[control])
    sides = {
        (name, seed): _items(outcomes[name, seed], endpoint, f"{name}/{seed}") for name in seeds for seed in seeds[name]
    }
    frame = _shared([sides[name, seed] for name in (arm, control) for seed in common])
    values = {name: {seed: _mean(sides[name, seed]) for seed in sorted(seeds[name])} for name in (arm, control)}
    found = None
    if len(common) > 1 and frame.height:
        value = frame.select(pl.col("^value_.*$")).to_numpy().T
        found = difference(
            value[: len(common)] - value[len(common) :],
            frame["weight"].to_numpy(),
            frame["cluster"].to_numpy(),
            resamples=study.resamples,
            level=level,
            names=["study", endpoint.name],
            margin=endpoint.margin,
        )
    return Row(arm, control, endpoint.name, endpoint.margin, common, frame.height, values[arm], values[control], found)


def _items(outcomes: pl.DataFrame, endpoint: PrimaryEndpoint, run: str) -> pl.DataFrame:
    """The items of an endpoint in one run: item_id, cluster, weight, value; sorted by item."""
    unknown = sorted(set(endpoint.where) - set(ENDPOINT))
    if unknown:
        raise InputError(
            f"an endpoint has no column '{unknown[0]}'",
            record=f"compare.study.primary, {endpoint.name}",
            remedy=f"name columns among: {', '.join(ENDPOINT)}",
        )
    rows = outcomes.filter(*[pl.col(name) == value for name, value in endpoint.where.items()])
    keys = rows.select(ENDPOINT).unique()
    if keys.height != 1:
        raise InputError(
            f"the primary endpoint '{endpoint.name}' selects {keys.height} endpoints of run {run}, and must select one",
            record=f"compare.study.primary, {endpoint.name}",
            remedy="name more columns in `where`" if keys.height else "correct `where`, or score that benchmark",
        )
    return rows.select("item_id", "cluster", "weight", "value").sort("item_id")


def _shared(sides: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The items that all runs scored with one weight: item_id, cluster, weight, value_0, value_1 ..."""
    if not sides:
        return pl.DataFrame(schema={"item_id": pl.String, "cluster": pl.Int64, "weight": pl.Float64})
    frame = sides[0].rename({"value": "value_0"})
    for number, side in enumerate(sides[1:], start=1):
        other = side.select("item_id", "weight", pl.col("value").alias(f"value_{number}"))
        frame = frame.join(other, on=["item_id", "weight"], how="inner", maintain_order="left")
    return frame


def _mean(side: pl.DataFrame) -> float:
    return float(np.sum(side["value"].to_numpy()) / np.sum(side["weight"].to_numpy()))
