"""The page's tables as plain rows of text: what the template prints."""

from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.files import read_json
from nearmiss.stages.compare.arms import objective_text
from nearmiss.stages.compare.cells import cells
from nearmiss.stages.compare.findings import BASE, p_text, percent, points
from nearmiss.stages.compare.overview import Cell, Column, Gain, rows_of
from nearmiss.stages.compare.report import Report


def arm_rows(report: Report) -> list[dict[str, str]]:
    """What each arm is."""
    rows = []
    for arm in report.runs.arms:
        training = next((one for one in report.runs.trainings if one.arm == arm), None)
        options = training.options if training is not None else {}
        role = "base" if arm == BASE else "control" if arm in report.controls else "hard negatives"
        rows.append(
            {
                "arm": arm,
                "role": role,
                "method": str(options.get("method") or "none"),
                "objective": objective_text(options) or "not recorded",
                "rates": f"{options['image_rate']:g} / {options['text_rate']:g}" if "image_rate" in options else "",
            }
        )
    return rows


def main_rows(report: Report) -> list[dict[str, Any]]:
    """The main table: chance and blind, then a row an arm, each cell a figure and its interval or range."""
    shown = report.overview
    reference = [
        {"name": name, "reference": True, "cells": [_plain(percent(of[c.name])) for c in shown.columns]}
        for name, of in (("chance", shown.chance), ("blind", shown.blind))
    ]
    best = {
        column.name: max(row[column.name].value for row in shown.cells.values() if column.name in row)
        for column in shown.columns
    }
    arms = [
        {
            "name": arm,
            "reference": False,
            "cells": [_cell(row.get(column.name), best[column.name]) for column in shown.columns],
        }
        for arm, row in shown.cells.items()
    ]
    counts = [_plain(_count(*shown.n[column.name])) for column in shown.columns]
    return [*reference, *arms, {"name": "questions", "reference": True, "cells": counts}]


def seed_rows(report: Report) -> list[dict[str, Any]]:
    """Every seed's figure of every arm and headline column."""
    shown = report.overview
    return [
        {
            "arm": arm,
            "seed": seed,
            "cells": [
                percent(row[column.name].by_seed[seed])
                if column.name in row and seed in row[column.name].by_seed
                else "-"
                for column in shown.columns
            ],
        }
        for arm, row in shown.cells.items()
        for seed in report.runs.seeds
    ]


def gain_rows(report: Report, *, cost: bool) -> tuple[list[Column], list[dict[str, Any]]]:
    """Differences of every arm to every control, in the columns of what is bought or of what it costs."""
    columns = [column for column in report.overview.columns if column.cost is cost]
    columns = [column for column in columns if any(gain.column == column for gain in report.gains)]
    by_place = {(gain.arm, gain.control, gain.column.name): gain for gain in report.gains}
    pairs = list(dict.fromkeys((gain.arm, gain.control) for gain in report.gains if gain.arm != BASE))
    rows = [
        {
            "arm": arm,
            "control": control,
            "cells": [_gain(by_place.get((arm, control, column.name))) for column in columns],
        }
        for control in report.controls
        for arm, other in pairs
        if other == control
    ]
    return columns, rows


def unseen_gains(report: Report, arms: list[str]) -> list[str]:
    """Cells that an arm's negatives never edited under that operator and in which it beats every control.

    Counted where the difference to each control is above 0 with its interval, in every seed.
    """
    found = cells(report.runs)
    sentences = []
    for arm in arms:
        won = []
        for row in found.rows:
            mark = found.values.get((arm, row))
            if mark is None or mark.trained == "seen":
                continue
            gaps = report.differences.filter(
                pl.col("arm") == arm,
                pl.col("concept") == row.concept,
                pl.col("operator") == row.operator,
                pl.col("condition") == row.condition,
                pl.col("subset") == "1x2+2x2",
            )
            if gaps.height == len(report.controls) * len(report.runs.seeds) and (gaps["low"] > 0).all():
                least = min(gaps["value"].to_list())
                won.append(f"{row.text} ({mark.trained}, at least {points(least)})")
        sentences.append(f"{arm}: {'; '.join(won) if won else 'none'}.")
    return sentences


def cost_rows(report: Report) -> list[dict[str, str]]:
    """What every job cost."""
    rows = []
    for row in report.costs.iter_rows(named=True):
        name = " ".join(str(part) for part in (row["stage"], row["arm"], row["seed"]) if part is not None)
        rows.append(
            {
                "job": name,
                "seconds": _number(row["seconds"], "{:,.1f}"),
                "cpu": _number(row["cpu_seconds"], "{:,.1f}"),
                "memory": _number(row["peak_memory"], "{:,.0f}", 1e-6),
                "images": _number(row["images"], "{:,}"),
                "texts": _number(row["texts"], "{:,}"),
                "tokens": _number(row["tokens"], "{:,}"),
                "flops": _number(row["flops"], "{:,.2f}", 1e-12),
            }
        )
    return rows


def blind_rows(report: Report) -> list[dict[str, Any]]:
    """Each text-only baseline in the headline columns."""
    metrics = report.runs.metrics().filter(pl.col("model") == "blind")
    rows = []
    for (name,), group in metrics.sort("arm").group_by("arm", maintain_order=True):
        figures = [rows_of(group, column)["value"].to_list() for column in report.overview.columns]
        cells = [percent(sum(values) / len(values)) if values else "" for values in figures]
        rows.append({"name": str(name).removeprefix("blind_"), "cells": cells})
    return rows


def negative_rows(report: Report) -> list[dict[str, Any]]:
    """The false-negative report of each method, in all and by concept."""
    rows = []
    for folder in report.negatives:
        path = folder / "truth.json"
        if not path.is_file():
            continue
        truth = read_json(path)
        captions = truth.get("captions", {})
        share = captions.get("yield")
        whole = {"yield": "" if share is None else percent(share)}
        rows.append({"name": folder.name, "whole": True, **_tally(truth["negatives"]), **whole})
        for concept, tally in sorted(truth.get("by_concept", {}).items()):
            rows.append(
                {"name": "other" if concept == "None" else concept, "whole": False, **_tally(tally), "yield": ""}
            )
    return rows


def data_summary(path: Path) -> tuple[list[tuple[str, str]], list[dict[str, Any]]]:
    """Figures of the data's summary.json as (name, text), and its table of oracles."""
    if not path.is_file():
        return [], []
    record = read_json(path)
    tables = {name: value for name, value in record.items() if _is_table(value)}
    oracles: list[dict[str, Any]] = next(
        (rows for name, rows in tables.items() if "oracle" in name or "oracle" in rows[0]), []
    )
    figures = [pair for name, value in record.items() if name not in tables for pair in _flat(name, value)]
    return figures, [{**row, "accuracy": percent(row["accuracy"])} for row in oracles if "accuracy" in row]


def _plain(text: str) -> dict[str, Any]:
    return {"text": text, "range": "", "best": False}


def _cell(cell: Cell | None, best: float) -> dict[str, Any]:
    if cell is None:
        return _plain("-")
    if cell.low is not None and cell.high is not None:
        span = f"{100 * cell.low:.0f}–{100 * cell.high:.0f}"
    elif len(cell.by_seed) > 1:
        span = f"{100 * min(cell.by_seed.values()):.0f}–{100 * max(cell.by_seed.values()):.0f}"
    else:
        span = ""
    return {"text": percent(cell.value), "range": span, "best": cell.value == best}


def _gain(gain: Gain | None) -> dict[str, Any]:
    if gain is None:
        return {"text": "-", "range": "", "p": ""}
    if len(gain.by_seed) > 1:
        values = ", ".join(points(value[0]) for value in gain.by_seed.values())
        return {"text": points(gain.value), "range": values, "p": ""}
    _, low, high, p = next(iter(gain.by_seed.values()))
    return {
        "text": points(gain.value),
        "range": f"{points(low)} to {points(high)}",
        "p": "" if p is None else f"p {p_text(p)}",
    }


def _tally(tally: dict[str, int]) -> dict[str, str]:
    n = tally["n"]
    return {
        "n": f"{n:,}",
        "false_negatives": _of(tally["true"], n),
        "undefined": _of(tally["undefined"], n),
        "unparsed": _of(tally.get("unparsed", 0), n),
    }


def _of(count: int, n: int) -> str:
    return f"{count:,}" + (f" ({percent(count / n)} %)" if n and count else "")


def _count(scored: int, expected: int) -> str:
    return f"{scored:,} / {expected:,}"


def _number(value: float | None, form: str, unit: float = 1) -> str:
    return "" if value is None else form.format(value if unit == 1 else value * unit)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _flat(name: str, value: Any) -> list[tuple[str, str]]:
    """Numbers and words of nested JSON as dotted names; lists are counted, not listed."""
    if isinstance(value, dict):
        return [pair for key, part in value.items() for pair in _flat(f"{name}, {key}", part)]
    if isinstance(value, list):
        return [(f"{name} (number)".replace("_", " "), f"{len(value):,}")]
    text = f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    return [(name.replace("_", " "), text)]
