"""What noise left of a figure: the drop against clean, and the chance-corrected share that is retained."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from nearmiss.base.tables import table
from nearmiss.engine.scoring.metrics import Interval, Key, Scored, endpoints, mark, share
from nearmiss.engine.scoring.outcomes import ENDPOINT
from nearmiss.engine.scoring.statistics import interval, paired_intervals


def rows(
    noisy: pl.DataFrame,
    clean: pl.DataFrame,
    scored: Scored,
    how: Interval,
    *,
    corruption: str,
    severity: int,
    floor: float,
    blind: Mapping[Key, float],
    trained: frozenset[tuple[str, str]],
) -> pl.DataFrame:
    """Table `metrics` of one corruption and severity: metrics accuracy, drop and retained of every endpoint.

    `noisy` and `clean` are outcomes of the same questions. drop is accuracy minus clean accuracy (below 0: lost).
    retained is (accuracy - chance) / (clean accuracy - chance), given only where the clean accuracy's lower bound is at
    least `floor`: nearer to chance the ratio says nothing (our choice). Intervals resample the clusters of both alike.
    """
    before = dict(endpoints(clean))
    made: list[dict[str, Any]] = []
    for key, group in endpoints(noisy):
        joined = group.join(before[key].select("question", clean="value"), on="question", how="left")
        value, weight = joined["value"].to_numpy(), joined["weight"].to_numpy()
        was, cluster = joined["clean"].to_numpy(), joined["cluster"].to_numpy()
        chance = float((joined["chance"].to_numpy() * weight).sum() / weight.sum())
        names = [scored.split, *key]
        settings: dict[str, Any] = {"resamples": how.resamples, "level": how.level, "names": names}
        named = dict(zip(ENDPOINT, key, strict=True))
        common = {
            **vars(scored),
            **named,
            "corruption": corruption,
            "severity": severity,
            "share": None,
            "n_scored": group.height,
            "n_expected": before[key].height,
            "ties": int(group["ties"].sum()),
            "chance": chance,
            "blind": blind.get(key),
            "trained": mark(named["concept"], named["operator"], trained),
        }
        low, high = interval(value, weight, cluster, **settings)
        made.append({**common, "value": share(group), "low": low, "high": high})
        lows, highs = paired_intervals((value - was)[None, :], weight, cluster, **settings)
        lost = float((value - was).sum() / weight.sum())
        reference = {"chance": None, "blind": None}  # a difference has neither
        made.append(
            {
                **common,
                **reference,
                "metric": "drop",
                "value": lost,
                "low": float(lows[0]),
                "high": float(highs[0]),
            }
        )
        clean_low, _ = interval(was, weight, cluster, **settings)
        if clean_low >= floor:
            over, base = value - chance * weight, was - chance * weight
            low, high = _ratio(over, base, cluster, settings)
            kept = float(over.sum() / base.sum())
            made.append({**common, **reference, "metric": "retained", "value": kept, "low": low, "high": high})
    return table("metrics", made)


def _ratio(over: np.ndarray, base: np.ndarray, cluster: np.ndarray, settings: dict[str, Any]) -> tuple[float, float]:
    """Interval of sum(over) / sum(base); where nothing was lost in any cluster it has no width."""
    if np.array_equal(over, base):
        return 1.0, 1.0
    low, high = interval(over, base, cluster, **settings)
    return low, high
