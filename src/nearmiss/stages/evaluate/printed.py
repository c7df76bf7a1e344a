"""Figures of published benchmarks in a terminal of 80 columns, and what would make them look better than they are."""

from io import StringIO
from typing import Any

from rich.console import Console
from rich.table import Table

_WIDTH = 80


def printed(told: dict[str, Any]) -> str:
    """metrics.json in words and tables: a table a benchmark, then what is missing. Figures in percent."""
    console = Console(width=_WIDTH, record=True, file=StringIO(), force_terminal=False, color_system=None)
    for name, described in told["benchmarks"].items():
        rows = [row for row in told["metrics"] if row["benchmark"] == name]
        console.print(_table(name, rows, paper=any(row["published"] is not None for row in rows)))
        for line in _cautions(described, rows):
            console.print(line)
        console.print()
    measurement = told["measurement"]
    console.print(
        f"{measurement['model']}, {measurement['pretrained'] or 'random weights'}, {measurement['activation']}, "
        f"{measurement['precision']}; intervals of 95 % over images; blind: the better of a probe of text learnt on "
        "other folds and the model's own text prior"
    )
    if told["absent"]:
        console.print(f"No file is there of: {', '.join(told['absent'])}")
    if not told["complete"]:
        console.print("INCOMPLETE: images or files are missing, so these are not the benchmarks' full figures.")
    return console.export_text()


def _table(name: str, rows: list[dict[str, Any]], *, paper: bool) -> Table:
    table = Table(title=name, title_justify="left", title_style="bold", box=None, pad_edge=False, width=_WIDTH)
    table.add_column("part", overflow="fold")
    for column in ("metric", "value", "interval", "chance", "blind", *(["paper"] if paper else []), "scored"):
        table.add_column(column, justify="left" if column == "metric" else "right", no_wrap=True)
    for row in rows:
        blind = [row[key] for key in ("blind_probe", "training_probe", "text_prior") if row.get(key) is not None]
        whole = row["n_scored"] == row["n_expected"]
        cells = [
            row["part"],
            row["metric"],
            _percent(row["value"]) + ("" if whole else "*"),
            f"{_percent(row['low'])}-{_percent(row['high'])}" if row["value"] is not None else "",
            _percent(row["chance"]),
            _percent(max(blind)) if blind else "",
            *([_percent(row["published"])] if paper else []),
            f"{row['n_scored']:,}" if whole else f"{row['n_scored']:,}/{row['n_expected']:,}",
        ]
        table.add_row(*cells)
    return table


def _cautions(described: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    found = []
    if any(row["n_scored"] < row["n_expected"] for row in rows):
        found.append(f"* not all items: {len(described['images_missing']):,} images are missing or do not decode")
    if described["files_missing"]:
        found.append(f"Files missing: {', '.join(described['files_missing'])}")
    if described["caption_equals_negative"]:
        found.append(f"{len(described['caption_equals_negative']):,} items have a caption that equals its negative")
    found += [f"{count:,} left out: {reason}" for reason, count in described["left_out"].items()]
    return found


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"
