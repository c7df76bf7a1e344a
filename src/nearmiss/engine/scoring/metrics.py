"""Converts outcomes to rows of table `metrics`: a value, its interval over items, and reference values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from nearmiss.base.tables import table
from nearmiss.engine.benchmarks.spec import BINDING
from nearmiss.engine.scoring.endpoints import ENDPOINT, Endpoint, endpoints, mean
from nearmiss.engine.scoring.statistics import interval, paired_intervals


@dataclass(frozen=True)
class Run:
    """The scored model: the columns that all rows of one evaluation share. `split` is None for published benchmarks."""

    model: str
    arm: str
    seed: int
    stage: str
    split: str | None


@dataclass(frozen=True)
class Bootstrap:
    """Settings of intervals: percentile bootstrap over clusters of items that share images."""

    resamples: int
    level: float

    def record(self) -> dict[str, Any]:
        """The entry of measurement.json."""
        method = "percentile bootstrap over clusters of items that share images"
        return {"method": method, "level": self.level, "resamples": self.resamples}


@dataclass(frozen=True)
class References:
    """Reference values of a benchmark, by endpoint."""

    n_expected: Mapping[Endpoint, int]
    """Number of items, scored or not; every endpoint has a row."""
    blind: Mapping[Endpoint, float]
    """The best blind baseline."""
    text_prior: Mapping[Endpoint, float]
    """The model with every image replaced by the mean of all."""
    training_probe: Mapping[Endpoint, float]
    """A text classifier fitted on the arm's training negatives."""
    trained: frozenset[tuple[str, str]] = frozenset()
    """(concept, operator) pairs of the arm's negatives."""
    worded: Mapping[str, bool] = field(default_factory=dict)
    """Whether a negative of an item's concept and operator has the item's wording, by item id; empty if not known."""


NO_REFERENCES = References({}, {}, {}, {})


def values(outcomes: pl.DataFrame) -> dict[Endpoint, float]:
    """The metric of each endpoint."""
    return {key: mean(group) for key, group in endpoints(outcomes)}


def mark(
    concept: str | None, operator: str | None, trained: frozenset[tuple[str, str]], *, in_words: bool = True
) -> str | None:
    """How close an endpoint is to the edits of the arm's negatives, whose (concept, operator) pairs are `trained`.

    seen: the same concept and operator; wording: the same, but no such negative is worded like an item (`in_words`);
    concept: the concept under another operator; unseen: neither. Null if an endpoint has no concept. Binding is the
    operator swap on color, size or pattern.
    """
    if concept is None:
        return None
    concepts = BINDING if concept == "binding" else (concept,)
    if any((name, operator) in trained for name in concepts):
        return "seen" if in_words else "wording"
    return "concept" if any(name in concepts for name, _ in trained) else "unseen"


def rows(outcomes: pl.DataFrame, run: Run, how: Bootstrap, references: References = NO_REFERENCES) -> pl.DataFrame:
    """Table `metrics` of one scorer: a row per endpoint. An endpoint without scored items has no value."""
    made = [_row(key, group, run, how, references) for key, group in endpoints(outcomes)]
    scored = {tuple(row[name] for name in ENDPOINT) for row in made}
    made += [empty_row(key, run, references) for key in references.n_expected if key not in scored]
    return table("metrics", made).sort(*ENDPOINT, nulls_last=False)


def _row(key: Endpoint, group: pl.DataFrame, run: Run, how: Bootstrap, references: References) -> dict[str, Any]:
    value, weight = group["value"].to_numpy(), group["weight"].to_numpy()
    named = dict(zip(ENDPOINT, key, strict=True))
    in_words = not references.worded or any(references.worded.get(item, True) for item in group["item_id"])
    low, high = interval(
        value,
        weight,
        group["cluster"].to_numpy(),
        resamples=how.resamples,
        level=how.level,
        names=[run.split, *key],
    )
    return empty_row(key, run, references) | {
        "value": mean(group),
        "low": low,
        "high": high,
        "n_scored": group.height,
        "n_expected": references.n_expected.get(key, group.height),
        "ties": int(group["ties"].sum()),
        "trained": mark(named["concept"], named["operator"], references.trained, in_words=in_words),
        "chance": float((group["chance"].to_numpy() * weight).sum() / weight.sum()),
    }


def empty_row(key: Endpoint, run: Run, references: References) -> dict[str, Any]:
    """The row of an endpoint without scored items."""
    named = dict(zip(ENDPOINT, key, strict=True))
    return {
        **vars(run),
        **named,
        "corruption": None,
        "severity": None,
        "share": None,
        "value": None,
        "low": None,
        "high": None,
        "n_scored": 0,
        "n_expected": references.n_expected.get(key, 0),
        "ties": 0,
        "chance": None,
        "blind": references.blind.get(key),
        "trained": mark(named["concept"], named["operator"], references.trained),
        "text_prior": references.text_prior.get(key),
        "training_probe": references.training_probe.get(key),
        "published": None,
    }


def corrupted_rows(
    corrupted: pl.DataFrame,
    clean: pl.DataFrame,
    run: Run,
    how: Bootstrap,
    references: References,
    *,
    corruption: str,
    severity: int,
    floor: float,
) -> pl.DataFrame:
    """Table `metrics` of one corruption and severity: accuracy, accuracy_drop and retained of every endpoint.

    `corrupted` and `clean` are outcomes of the same items. accuracy_drop is the clean value minus the corrupted one, so
    that positive means worse. retained is (value - chance) / (clean value - chance), given only if the lower bound
    of the clean value exceeds chance by at least `floor` of the distance to 1: closer to chance the ratio is not
    meaningful (our choice). Intervals resample the clusters of both alike.
    """
    before = dict(endpoints(clean))
    made: list[dict[str, Any]] = []
    for key, group in endpoints(corrupted):
        joined = group.join(before[key].select("item_id", clean="value"), on="item_id", how="left")
        value, weight = joined["value"].to_numpy(), joined["weight"].to_numpy()
        was, cluster = joined["clean"].to_numpy(), joined["cluster"].to_numpy()
        settings: dict[str, Any] = {
            "resamples": how.resamples,
            "level": how.level,
            "names": [run.split, *key],
        }
        row = _row(key, group, run, how, references)
        row |= {"corruption": corruption, "severity": severity, "n_expected": before[key].height}
        made.append(row)
        common = row | {
            "chance": None,
            "blind": None,
            "text_prior": None,
            "training_probe": None,
        }  # not defined for a difference
        lows, highs = paired_intervals((was - value)[None, :], weight, cluster, **settings)
        lost = float((was - value).sum() / weight.sum())
        metric = str(dict(zip(ENDPOINT, key, strict=True))["metric"])
        made.append(
            common | {"metric": f"{metric}_drop", "value": lost, "low": float(lows[0]), "high": float(highs[0])}
        )
        clean_low, _ = interval(was, weight, cluster, **settings)
        if clean_low >= row["chance"] + floor * (1 - row["chance"]):
            over, base = value - row["chance"] * weight, was - row["chance"] * weight
            low, high = _ratio(over, base, cluster, settings)
            kept = float(over.sum() / base.sum())
            made.append(common | {"metric": "retained", "value": kept, "low": low, "high": high})
    return table("metrics", made)


def _ratio(over: np.ndarray, base: np.ndarray, cluster: np.ndarray, settings: dict[str, Any]) -> tuple[float, float]:
    """Interval of sum(over) / sum(base); it has no width if no cluster lost accuracy."""
    if np.array_equal(over, base):
        return 1.0, 1.0
    return interval(over, base, cluster, **settings)
