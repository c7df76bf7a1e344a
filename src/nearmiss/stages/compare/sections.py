"""The tables of the page as rows of text for the template."""

from collections.abc import Sequence
from statistics import median
from typing import Any

import polars as pl

from nearmiss.base.files import read_json
from nearmiss.engine.benchmarks.spec import group_of
from nearmiss.stages.compare.cells import cells
from nearmiss.stages.compare.exposure import Exposure, exposures
from nearmiss.stages.compare.overview import (
    BASE,
    Cell,
    Column,
    Gain,
    card,
    in_order,
    p_text,
    percent,
    points,
    rows_of,
)
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.tables import negatives_per_caption, objective_text


def arm_rows(report: Report) -> list[dict[str, str]]:
    """The table of arms.

    `per_caption` is the mean number of negatives of a caption of the arm's method, `per_image` the numbers of negatives
    and texts that a training drew for an image of a batch.
    """
    rows = []
    means, trained_on = negatives_per_caption(report.negatives), exposures(report.runs)
    for arm in report.runs.arms:
        options = report.runs.options(arm)
        others = "hard negatives" if report.runs.trainings else "compared"
        role = "base" if arm == BASE else "control" if arm in report.controls else others
        rates = [options.get(name) for name in ("image_lr", "text_lr")]
        model = next(one.model for one in report.runs.evaluations if one.arm == arm)
        rows.append(
            {
                "arm": arm,
                "role": role,
                "model": model,
                "method": str(options.get("method") or "none") if report.runs.trainings else "not recorded",
                "per_caption": _number(means.get(options.get("method")), "{:.2f}"),
                "per_image": _exposure_text(trained_on.get(arm)),
                "objective": objective_text(options) or "not recorded",
                "rates": " / ".join(f"{rate:g}" for rate in rates if rate is not None),
            }
        )
    return rows


def _exposure_text(found: Exposure | None) -> str:
    numbers = [] if found is None else [found.negatives, found.texts]
    return " / ".join(f"{number:.2f}" for number in numbers if number is not None)


def main_rows(report: Report) -> list[dict[str, Any]]:
    """The main table: chance and blind, then one row per arm, each cell a value and its interval or range.

    `spent` has texts and seconds of one training run of the arm (medians over seeds).
    """
    shown = report.overview
    spent = _spent(report.costs)
    reference = [
        {
            "name": name,
            "reference": True,
            "cells": [_plain(percent(of[c.name])) for c in shown.columns],
            "spent": _NOTHING,
        }
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
            "spent": spent.get(arm, _NOTHING),
        }
        for arm, row in shown.cells.items()
    ]
    counts = [_count(*shown.n[column.name]) for column in shown.columns]
    return [*reference, *arms, {"name": "items", "reference": True, "cells": counts, "spent": _NOTHING}]


def seed_rows(report: Report) -> list[dict[str, Any]]:
    """Every seed's value of every arm and headline column."""
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


def gain_rows(report: Report, candidates: Sequence[Column]) -> tuple[list[Column], list[dict[str, Any]]]:
    """Differences to every control in the columns that have any: the columns, and one row per pair of arms."""
    columns = [column for column in candidates if any(gain.column == column for gain in report.gains)]
    by_place = {(gain.arm, gain.control, gain.column.name): gain for gain in report.gains if gain.column in columns}
    pairs = by_pair(report, columns)
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


def by_pair(report: Report, columns: Sequence[Column]) -> list[tuple[str, str]]:
    """Each arm with each control in these columns; of two controls only the later one against the earlier one."""
    place = {control: number for number, control in enumerate(report.controls)}
    pairs = dict.fromkeys((gain.arm, gain.control) for gain in report.gains if gain.column in columns)
    return [(arm, control) for arm, control in pairs if place.get(arm, len(place)) > place[control]]


def unseen_gains(report: Report, arms: list[str]) -> list[str]:
    """Cells in which an arm beats every control and whose concept and operator are not in its negatives.

    The interval of the difference to each control must be above 0 in every seed.
    """
    found = cells(report.runs)
    sentences = []
    for arm in arms:
        won = []
        for row in found.rows:
            mark = found.values.get((arm, row))
            if mark is None or mark.trained == "seen" or group_of(row.condition) is not None:
                continue  # the items of a group are part of another cell
            where = {"arm": arm, "stage": "evaluate", "metric": found.metrics[row.benchmark], **row.where}
            gaps = report.differences.filter(**where)
            if gaps.height == len(report.controls) * len(report.runs.seeds) and (gaps["low"] > 0).all():
                least = min(gaps["value"].to_list())
                won.append(f"{row.title} ({mark.trained}, at least {points(least)})")
        sentences.append(f"{arm}: {'; '.join(won) if won else 'none'}.")
    return sentences


def cost_rows(report: Report) -> list[dict[str, str]]:
    """The table of job costs."""
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
        found = [rows_of(group, column)["value"].drop_nulls().to_list() for column in report.overview.columns]
        shown = [percent(sum(values) / len(values)) if values else "" for values in found]
        rows.append({"name": str(name).removeprefix("blind_"), "cells": shown})
    return rows


def negative_rows(report: Report) -> list[dict[str, Any]]:
    """The false-negative report of each method, in total and by concept."""
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


def data_sentences(report: Report) -> list[str]:
    """Sentences on the number of images, and on whether the words of a caption identify its image in a batch."""
    sentences = []
    if counts := report.summary.get("images"):
        sentences.append("Images: " + ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) + ".")
    for benchmark, found in sorted((report.summary.get("excluded") or {}).items()):
        how = " and ".join(f"{number:,} by {by}" for by, number in sorted(found.items(), reverse=True))
        sentences.append(f"Images of {benchmark} were excluded from the training split: {how}.")
    if shares := report.summary.get("separability"):
        sentences.append(
            f"Of {shares['drawn']} sampled batches of {shares['batch']} images, {percent(shares['batches'])} % contain "
            f"at least one narrow caption whose bag of words also fits another image of the batch; this applies to "
            f"{percent(shares['captions'])} % of the captions. If the bag of words identifies the image in a batch, "
            "a contrastive loss does not require word order."
        )
        for kind, share in sorted(shares.get("kinds", {}).items()):
            sentences.append(f"{kind.capitalize()} captions: {_kind_text(share)}.")
    return sentences


def oracle_rows(report: Report) -> list[dict[str, Any]]:
    """Measured and expected scores of each restricted oracle on each subset of the split."""
    rows = (report.summary.get("oracles") or {}).get(report.runs.split, [])
    return [{**row, "accuracy": percent(row["accuracy"])} for row in rows]


def measurement_rows(report: Report) -> list[dict[str, Any]]:
    """The measurement of each benchmark: its name, and pairs of a term and its text."""
    found = []
    evaluations = report.runs.evaluations
    for name in in_order({name for one in evaluations for name in one.benchmarks}):
        record = next(one.benchmarks[name] for one in evaluations if name in one.benchmarks)
        known = card(name)
        rules = record.get("measurement") or {}
        terms = [
            ("paper", record.get("paper") or ("" if known is None else known.paper)),
            ("license", "" if known is None else known.license),
            ("metrics", record.get("notes")),
            ("ties", f"within {rules['margin']:g}, counted as {rules['ties']}" if "ties" in rules else ""),
            ("precision", record.get("precision")),
            ("items", f"{record['n_items']:,}" if "n_items" in record else ""),
            ("missing images", _number_of(record.get("images_missing"))),
            ("missing files", ", ".join(record.get("files_missing") or [])),
            ("malformed records", _number_of(record.get("records_malformed"))),
            (
                "excluded",
                "; ".join(f"{reason} ({count:,})" for reason, count in (record.get("excluded") or {}).items()),
            ),
        ]
        files = sorted((record.get("files") or {}).items())
        shown = [(term, str(text)) for term, text in terms if text]
        found.append({"name": name, "terms": shown, "files": files[:_FILES], "more": max(0, len(files) - _FILES)})
    return found


def model_rows(report: Report) -> list[dict[str, str]]:
    """The model of every arm: name, weights, activation."""
    rows = []
    for arm in report.runs.arms:
        one = next(one for one in report.runs.evaluations if one.arm == arm)
        record = one.measurement.get("model") or {}
        parts = [record.get(name) for name in ("name", "pretrained", "activation")]
        weights = str(record.get("weights") or "")
        rows.append({"arm": arm, "model": ", ".join(str(part) for part in parts if part), "weights": weights})
    return rows


def _number_of(names: Sequence[Any] | None) -> str:
    return f"{len(names):,}" if names else ""


_FILES = 20  # maximum number of displayed file hashes of a benchmark


def _kind_text(share: Any) -> str:
    if isinstance(share, dict):
        return f"{percent(share['batches'])} % of the batches, {percent(share['captions'])} % of the captions"
    return f"{percent(share)} % of the captions"


_NOTHING = ("", "")


def _spent(costs: pl.DataFrame) -> dict[str, tuple[str, ...]]:
    """Texts and seconds of one training run of each arm."""
    trained = costs.filter(pl.col("stage") == "pretrain")
    found: dict[str, tuple[str, ...]] = {}
    for (arm,), group in trained.group_by("arm", maintain_order=True):
        texts = group["texts"].drop_nulls().to_list()
        seconds = group["seconds"].drop_nulls().to_list()
        found[str(arm)] = tuple(f"{median(values):,.0f}" if values else "" for values in (texts, seconds))
    return found


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


def _count(scored: int, expected: int) -> dict[str, Any]:
    return {"text": f"{scored:,}", "range": f"of {expected:,}", "best": False}


def _number(value: float | None, form: str, unit: float = 1) -> str:
    return "" if value is None else form.format(value if unit == 1 else value * unit)
