"""Metrics of benchmarks for a terminal of 80 columns, with warnings about incomplete scores."""

from collections.abc import Mapping
from io import StringIO
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nearmiss.engine.scoring.evaluator import BLIND

_WIDTH = 80
_OWN = ("local-dir:", "hf-hub:")  # prefixes of model names that include weights
_NAMED = 3  # records named per line; measurement.json has all


def summary(measurement: Mapping[str, Any], metrics: pl.DataFrame) -> str:
    """measurement.json and table `metrics` in words and tables: a table per benchmark, then what is missing.

    Values in percent.
    """
    console = Console(width=_WIDTH, record=True, file=StringIO(), force_terminal=False, color_system=None)

    def say(line: str) -> None:
        console.print(_plain(line), markup=False, highlight=False)

    models = metrics.filter(pl.col("model") != BLIND)
    for name, described in measurement["benchmarks"].items():
        rows = models.filter(pl.col("benchmark") == name).to_dicts()
        console.print(_table(name, described, rows, paper=any(row["published"] is not None for row in rows)))
        for line in _cautions(described, rows):
            say(line)
        console.print()
    model = measurement["model"]
    weights = model["pretrained"] or ("its own weights" if model["name"].startswith(_OWN) else "random weights")
    say(
        f"{model['name']}, {weights}, {model['activation']}, {model['precision']}; intervals of "
        f"{measurement['intervals']['level']:.0%} over images; blind: the best of the text-only baselines, of a text "
        "classifier fitted on the training negatives, and of the model's own text prior"
    )
    if measurement["absent"]:
        say(f"No file exists of: {', '.join(measurement['absent'])}")
    if not measurement["complete"]:
        say("INCOMPLETE: images, files or records are missing, so these are not the benchmarks' full metrics.")
    return console.export_text()


def name_of(row: Mapping[str, Any]) -> str:
    """What a row of table `metrics` is about, within its benchmark."""
    cell = " ".join(row[key] for key in ("concept", "operator") if row[key] and row["subset"] in _FORMS)
    parts = [row["subset"], cell, row["task"], row["condition"] if row["condition"] != "iid" else None]
    return ", ".join(part for part in parts if part) or "all"


_FORMS = {"1x2", "1xN", "1x3", "2x2", "1x2+2x2"}


def _table(name: str, described: Mapping[str, Any], rows: list[dict[str, Any]], *, paper: bool) -> Table:
    table = Table(title=_text(name), title_justify="left", title_style="bold", box=None, pad_edge=False, width=_WIDTH)
    table.add_column("subset", overflow="fold")
    for column in ("metric", "value", "interval", "chance", "blind", *(["paper"] if paper else []), "scored"):
        table.add_column(column, justify="left" if column == "metric" else "right", no_wrap=True)
    for row in rows:
        blind = [row[key] for key in ("blind", "training_probe", "text_prior") if row[key] is not None]
        whole = row["n_scored"] == row["n_expected"]
        cells = [
            _text(name_of(row)),
            row["metric"],
            _percent(row["value"]) + ("" if whole and not _lacks(described) else "*"),
            f"{_percent(row['low'])}-{_percent(row['high'])}" if row["value"] is not None else "",
            _percent(row["chance"]),
            _percent(max(blind)) if blind else "",
            *([_percent(row["published"])] if paper else []),
            f"{row['n_scored']:,}" if whole else f"{row['n_scored']:,}/{row['n_expected']:,}",
        ]
        table.add_row(*cells)
    return table


def _lacks(described: Mapping[str, Any]) -> bool:
    """Whether records or files of a benchmark are missing that no metric counts as expected."""
    return bool(described["records_malformed"] or described["files_missing"])


def _cautions(described: Mapping[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    found = []
    if any(row["n_scored"] < row["n_expected"] for row in rows):
        found.append(f"* not all items: {len(described['images_missing']):,} images are missing or do not decode")
    if described["files_missing"]:
        found.append(f"* files missing: {', '.join(described['files_missing'])}")
    if described["records_malformed"]:
        found += _malformed(described["records_malformed"])
    found += [f"{count:,} excluded: {reason}" for reason, count in described["excluded"].items()]
    if described["caption_equals_negative"]:
        found.append(f"{len(described['caption_equals_negative']):,} items have a caption that equals its negative")
    if equal := described["equal_after_tokenization"]:
        found.append(f"{len(equal):,} items whose texts are equal after tokenization: they tie")
    if equal := described["equal_classes"]:
        found.append(f"{len(equal):,} classes whose prompts are equal after tokenization: they tie")
    if described["texts_truncated"]:
        found.append(f"{described['texts_truncated']:,} texts are truncated: they exceed the model's context length")
    if described["boxes_outside"]:
        found.append(f"{described['boxes_outside']:,} items have a box that leaves its image: black there")
    return found


def _malformed(records: list[dict[str, str]]) -> list[str]:
    """A line for each reason, with the first few records that it is true of."""
    by_reason: dict[str, list[str]] = {}
    for each in records:
        by_reason.setdefault(each["reason"], []).append(f"{each['file']}, {each['record']}")
    return [
        f"* {len(names):,} records left out: {reason} ({'; '.join(names[:_NAMED])}{'; ...' if names[_NAMED:] else ''})"
        for reason, names in by_reason.items()
    ]


def _text(value: str) -> Text:
    """A text of a user's file, which is no markup."""
    return Text(_plain(value))


def _plain(value: str) -> str:
    """A text without control characters."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in value)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"
