"""The audit as a table of 80 columns."""

import io
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nearmiss.base.display import single_line, without_controls
from nearmiss.engine.audit.measure import ALL

WIDTH = 80
_SHORT = {
    ("length", "image"): "len",
    ("edit_position", "image"): "place",
    ("word_frequency", "image"): "freq",
    ("ngram", "image"): "ngram",
    ("form", "image"): "form",
    ("classifier", "image"): "class",
    ("classifier", "edit"): "class*",
    ("bigrams", "edit"): "pairs*",
}


def text(report: dict[str, Any]) -> str:
    """The report as text: accuracy in per cent, the 95 % interval below it, rounded outwards."""
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None, force_terminal=False)
    counts = report["pairs"]
    console.print(f"{counts['audited']} of {counts['read']} pairs classified by their texts; chance is 50 %.")
    for reason, number in counts["set_aside"].items():
        console.print(f"{number} set aside: {escape(reason)}")
    for name in ("given", "balanced"):
        if any(row["set"] == name for row in report["rows"]):
            console.print(_probes(report["rows"], name))
    console.print("* neither image nor edit occurs in training; pairs: neighboring words only, the unseen probe")
    for kind, words in report["one_sided_words"].items():
        if words:
            listing = ", ".join(f"{row['word']} {row['positive']}:{row['negative']}" for row in words[:5])
            console.print(escape(single_line(f"{kind}: words on the true:false side  {listing}")))
    if report["balance"]:
        console.print(_dropped(report["balance"]))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    # Types and words come from the file under audit: their escape sequences are not obeyed.
    return "\n".join(without_controls(line).rstrip() for line in text.split("\n")).rstrip("\n")


def _probes(rows: list[dict[str, Any]], name: str) -> Table:
    table = Table(title=f"{name}: true caption found, % (95 % interval over images)", box=None, pad_edge=False)
    table.add_column("type", max_width=15, overflow="fold")
    table.add_column("n", justify="right")
    for short in _SHORT.values():
        table.add_column(short, justify="right", no_wrap=True)
    kinds = list(dict.fromkeys(row["type"] for row in rows if row["set"] == name))
    if len(kinds) == 2:  # one type and "all", which is the same
        kinds.remove(ALL)
    for kind in kinds:
        of_kind = [row for row in rows if row["set"] == name and row["type"] == kind]
        cells = {(row["probe"], row["scheme"]): row for row in of_kind}
        table.add_row(escape(single_line(kind)), str(of_kind[0]["n"]), *(_cell(cells[key]) for key in _SHORT))
    return table


def _cell(row: dict[str, Any]) -> str:
    low, high = int(100 * row["low"] + 1e-9), -int(-100 * row["high"] // 1)
    return f"{100 * row['accuracy']:.1f}\n{low}-{min(high, 100)}"


def _dropped(balance: dict[str, dict[str, Any]]) -> Table:
    title = "balanced: dropped pairs, accuracy of the unseen probe and of a corpus held apart on the others"
    table = Table(title=title, box=None, pad_edge=False)
    for column in ("type", "before", "after", "dropped", "unseen", "apart", "at most 55"):
        table.add_column(column, justify="left" if column == "type" else "right")
    for kind, row in balance.items():
        unseen, apart = (
            f"{100 * each['accuracy']:.1f} (to {100 * each['high']:.1f})" if each else absent
            for each, absent in ((row["unseen"], "no pair left"), (row["apart"], "no corpus"))
        )
        balanced = {True: "yes", False: "no", None: "under 2,000 pairs"}[row["balanced"]]
        table.add_row(
            escape(single_line(kind)),
            str(row["before"]),
            str(row["after"]),
            f"{100 * row['dropped']:.1f} %",
            unseen,
            apart,
            balanced,
        )
    return table
