"""Robustness in one number an arm: mean corruption error, area under the severity curve, and the order of the arms.

Mean corruption error is that of Hendrycks and Dietterich (ICLR 2019, section 4): for each corruption the errors of an
arm summed over severities and divided by those of a reference, averaged over corruptions; 1 is as robust as the
reference, less is better. The area is the mean height of the value over severities from 0 (clean) to the last one,
linear between them (our choice), averaged over corruptions. The rank correlation is Spearman's, over arms, of the clean
and the corrupted values.

Every number is computed for each seed; the median over seeds is shown, with the lowest and the highest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from nearmiss.engine.scoring.statistics import spearman
from nearmiss.stages.compare.overview import Column, percent
from nearmiss.stages.compare.robustness import VALUE, Robustness, name_of

_FEWEST = 3  # arms of a rank correlation


@dataclass(frozen=True)
class Spread:
    """A number over seeds: its median, lowest and highest."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """One arm in one column. The corruption error is None without a reference, and where the reference has no error."""

    arm: str
    corruption_error: Spread | None
    area: Spread


def reference_of(controls: Sequence[str], shown: Robustness) -> str | None:
    """The arm that corruption errors are relative to: the first control that was tested; None without one."""
    return next((arm for arm in controls if arm in shown.arms), None)


def summaries(shown: Robustness, column: Column, reference: str | None) -> list[Summary]:
    """The arms that every corruption and severity of the column tested, in order; `reference` is an arm."""
    tested = _tested(shown, column)
    found = []
    for arm in shown.arms:
        seeds = _seeds(shown, column, arm, tested)
        if not seeds:
            continue
        areas = [_area(shown, column, arm, seed, tested) for seed in seeds]
        common = [seed for seed in seeds if reference and seed in _seeds(shown, column, reference, tested)]
        errors = [_corruption_error(shown, column, arm, str(reference), seed, tested) for seed in common]
        known = [error for error in errors if error is not None]
        found.append(Summary(arm, _spread(known) if known and len(known) == len(errors) else None, _spread(areas)))
    return found


def rank_correlations(shown: Robustness, column: Column, severity: int) -> dict[str, float]:
    """By corruption: Spearman's correlation over arms of the clean value and that at a severity.

    A corruption has none if fewer than three arms have both values, or if all arms have the same one.
    """
    found = {}
    for corruption in shown.corruptions:
        pairs = [
            (clean.value, other.value)
            for arm in shown.arms
            if (clean := shown.of(arm, column, None, None, VALUE)) is not None
            and (other := shown.of(arm, column, corruption, severity, VALUE)) is not None
        ]
        if len(pairs) < _FEWEST:
            continue
        correlation = spearman([clean for clean, _ in pairs], [other for _, other in pairs])
        if correlation is not None:
            found[corruption] = correlation
    return found


def summary_rows(shown: Robustness, column: Column, reference: str | None) -> list[dict[str, Any]]:
    """The table of one column: an arm's mean corruption error and area, in percent."""
    return [
        {"arm": each.arm, "cells": [_text(each.corruption_error), _text(each.area)]}
        for each in summaries(shown, column, reference)
    ]


def correlation_text(shown: Robustness, column: Column) -> str:
    """The rank correlations as a sentence; empty where none is defined."""
    severity = shown.severity()
    found = {} if severity is None else rank_correlations(shown, column, severity)
    if not found:
        return ""
    each = ", ".join(f"{name_of(name)} {value:.2f}" for name, value in found.items())
    return f"Rank correlation of the arms between clean and severity {severity}: {each}."


def _tested(shown: Robustness, column: Column) -> list[str]:
    """Corruptions that some arm has in this column: one that does not preserve its concept has no values."""
    return [
        corruption
        for corruption in shown.corruptions
        if any(shown.of(arm, column, corruption, shown.severities[0], VALUE) for arm in shown.arms)
    ]


def _seeds(shown: Robustness, column: Column, arm: str, corruptions: Sequence[str]) -> list[int]:
    """Seeds with a clean value and one for each corruption and severity."""
    wanted = [(None, None), *((name, severity) for name in corruptions for severity in shown.severities)]
    cells = [shown.of(arm, column, name, severity, VALUE) for name, severity in wanted]
    if not corruptions or any(cell is None for cell in cells):
        return []
    return sorted(set.intersection(*({*cell.by_seed} for cell in cells if cell is not None)))


def _values(shown: Robustness, column: Column, arm: str, corruption: str, seed: int) -> np.ndarray:
    """Values at the severities, in order."""
    cells = [shown.of(arm, column, corruption, severity, VALUE) for severity in shown.severities]
    return np.array([cell.by_seed[seed] for cell in cells if cell is not None])


def _corruption_error(
    shown: Robustness, column: Column, arm: str, reference: str, seed: int, corruptions: Sequence[str]
) -> float | None:
    """Mean over corruptions of the arm's summed error over the reference's; None if the reference never errs."""
    own = np.array([(1 - _values(shown, column, arm, name, seed)).sum() for name in corruptions])
    other = np.array([(1 - _values(shown, column, reference, name, seed)).sum() for name in corruptions])
    return float((own / other).mean()) if (other > 0).all() else None


def _area(shown: Robustness, column: Column, arm: str, seed: int, corruptions: Sequence[str]) -> float:
    """Mean height of the value over severities from 0 to the last one, averaged over corruptions."""
    clean = shown.of(arm, column, None, None, VALUE)
    assert clean is not None
    at = [0, *shown.severities]
    curves = [np.concatenate([[clean.by_seed[seed]], _values(shown, column, arm, name, seed)]) for name in corruptions]
    return float(np.mean([np.trapezoid(curve, at) / at[-1] for curve in curves]))


def _text(spread: Spread | None) -> dict[str, str]:
    if spread is None:
        return {"text": "-", "range": ""}
    span = f"{100 * spread.low:.0f} to {100 * spread.high:.0f}" if spread.low != spread.high else ""
    return {"text": percent(spread.value), "range": span}


def _spread(values: Sequence[float]) -> Spread:
    return Spread(median(values), min(values), max(values))
