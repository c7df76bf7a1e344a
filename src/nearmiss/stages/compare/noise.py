"""What noise left: accuracy under each corruption and severity, the drop against clean, and the share that is retained.

All of it on 2x2 items of condition iid, from the metrics of stage robustness.
"""

from dataclasses import dataclass
from typing import Any

import polars as pl

from nearmiss.stages.compare.findings import percent, points
from nearmiss.stages.compare.overview import COLUMNS, Cell, Column, cell
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.runs import Runs

NAMES = {
    "gaussian_noise": "Gaussian noise",
    "defocus_blur": "defocus blur",
    "jpeg_compression": "JPEG",
    "contrast": "low contrast",
    "typos": "typos",
}
PLAIN_SEVERITY = 3
"""The severity that sentences and the terminal speak of."""

Key = tuple[str, str, str | None, int | None, str]
"""Arm, column name, corruption and severity (null = clean), metric."""


@dataclass(frozen=True)
class Noise:
    """Figures by `Key`; `concepts` are the headline columns that were asked, corruptions and severities in order."""

    arms: list[str]
    concepts: list[Column]
    corruptions: list[str]
    severities: list[int]
    figures: dict[Key, Cell]

    def of(self, arm: str, concept: Column, corruption: str | None, severity: int | None, metric: str) -> Cell | None:
        """A figure, or None where there is none."""
        return self.figures.get((arm, concept.name, corruption, severity, metric))

    def severity(self) -> int | None:
        """The severity to speak of: `PLAIN_SEVERITY`, or the middle one of those that were asked."""
        if PLAIN_SEVERITY in self.severities:
            return PLAIN_SEVERITY
        return self.severities[len(self.severities) // 2] if self.severities else None


def noise(runs: Runs) -> Noise:
    """Medians over seeds. What is retained stands only where every seed has it."""
    if not runs.robustnesses:
        return Noise([], [], [], [], {})
    metrics = pl.concat([one.metrics for one in runs.robustnesses])
    seeds = len({one.seed for one in runs.robustnesses})
    figures: dict[Key, Cell] = {}
    concepts = []
    for column in COLUMNS:
        if column.cost:
            continue
        rows = metrics.filter(
            pl.col("concept") == column.where["concept"],
            pl.col("operator") == column.where["operator"],
            pl.col("subset") == "2x2",
            pl.col("condition") == "iid",
        )
        if rows.is_empty():
            continue
        concepts.append(column)
        by = ("arm", "corruption", "severity", "metric")
        for (arm, corruption, severity, metric), group in rows.group_by(by, maintain_order=True):
            if metric == "retained" and group.height < seeds:
                continue
            key = str(arm), column.name, *_noise(corruption, severity), str(metric)
            figures[key] = cell(group)
    noisy = metrics.filter(pl.col("corruption").is_not_null())
    return Noise(
        arms=list(dict.fromkeys(one.arm for one in runs.robustnesses)),
        concepts=concepts,
        corruptions=sorted(set(noisy["corruption"]), key=lambda name: (_place(name), name)),
        severities=sorted(set(noisy["severity"])),
        figures=figures,
    )


def name_of(corruption: str) -> str:
    """A corruption's name as people write it."""
    return NAMES.get(corruption, corruption.replace("_", " "))


def noise_rows(shown: Noise, concept: Column) -> list[dict[str, Any]]:
    """The table of one concept: a row a corruption and arm; of each severity accuracy, drop and what is retained."""
    rows = []
    for corruption in shown.corruptions:
        asked = [arm for arm in shown.arms if shown.of(arm, concept, corruption, shown.severities[0], "accuracy")]
        for number, arm in enumerate(asked):
            cells = []
            for severity in shown.severities:
                cells += [
                    _text(shown.of(arm, concept, corruption, severity, metric), metric)
                    for metric in ("accuracy", "drop", "retained")
                ]
            rows.append(
                {
                    "corruption": name_of(corruption) if number == 0 else "",
                    "first": number == 0,
                    "arm": arm,
                    "clean": _text(shown.of(arm, concept, None, None, "accuracy")),
                    "cells": cells,
                }
            )
    return rows


def left_out(report: Report) -> list[str]:
    """Which concepts a corruption destroys and is therefore not asked of."""
    if not report.runs.robustnesses:
        return []
    found = report.runs.robustnesses[0].measurement.get("left_out", {})
    return [
        f"{name_of(name)} destroys {', '.join(concepts)}, which is not asked under it."
        for name, concepts in sorted(found.items())
    ]


def floor_text(report: Report) -> str:
    """How sure the clean figure must be above chance before a retained share is given, from what the runs recorded."""
    if not report.runs.robustnesses:
        return ""
    return str(report.runs.robustnesses[0].measurement.get("metrics", {}).get("retained", ""))


def _noise(corruption: Any, severity: Any) -> tuple[str | None, int | None]:
    return (None, None) if corruption is None else (str(corruption), int(severity))


def _place(corruption: str) -> int:
    return list(NAMES).index(corruption) if corruption in NAMES else len(NAMES)


def _text(found: Cell | None, metric: str = "") -> dict[str, str]:
    """A figure; with one seed its interval, with several their range."""
    if found is None:
        return {"text": "-", "range": ""}
    values = list(found.by_seed.values())
    low, high = (found.low, found.high) if found.low is not None else (min(values), max(values))
    span = f"{100 * low:.0f} to {100 * high:.0f}" if low is not None and high is not None and low != high else ""
    return {"text": points(found.value) if metric == "drop" else percent(found.value), "range": span}
