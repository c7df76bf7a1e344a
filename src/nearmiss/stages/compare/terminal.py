"""The comparison as plain text, 80 columns wide: what `make run` ends with."""

import io
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nearmiss.stages.compare.findings import gain_text, headline, learned_by_controls, seeds_text
from nearmiss.stages.compare.overview import MAIN, Cell, Column, Gain, Overview

WIDTH = 80
SHORT = {
    "relation": "relation",
    "binding": "bind",
    "color": "color",
    "size": "size",
    "object": "object",
    "location": "place",
    "count": "count",
    "t2i": "T>I",
    "i2t": "I>T",
    "zero_shot": "0-shot",
}


def summary(
    shown: Overview, gains: Sequence[Gain], seconds: dict[str, float], controls: Sequence[str], seeds: Sequence[int]
) -> str:
    """The text of summary.txt. `seconds` is the median training time of each arm."""
    out = io.StringIO()
    console = Console(file=out, width=WIDTH, color_system=None, force_terminal=False, highlight=False)
    several = len(seeds) > 1
    title = "Single decisions, iid (%). T>I, I>T: Recall@1. s: seconds of training."
    table = Table(title=title, title_justify="left", title_style="", box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("arm", no_wrap=True)
    for column in shown.columns:
        table.add_column(SHORT[column.name], justify="right", no_wrap=True)
    table.add_column("s", justify="right", no_wrap=True)
    for name, values in (("chance", shown.chance), ("blind", shown.blind)):
        table.add_row(name, *[_whole(values[column.name]) for column in shown.columns], "")
    for arm, cells in shown.cells.items():
        figures = [_cell(cells.get(column.name), column, several) for column in shown.columns]
        table.add_row(Text(arm), *figures, f"{seconds[arm]:.0f}" if arm in seconds else "")
    n = {column.name: shown.n[column.name] for column in shown.columns}
    table.add_row("n", *["" if column.cost else str(n[column.name][0]) for column in shown.columns], "")
    console.print(table)
    if any(scored < expected for scored, expected in n.values()):
        console.print("Not every item was scored: the page shows n_scored / n_expected.")
    console.print()
    best = headline(shown, gains, controls)
    if best is not None:
        console.print(f"Hard negatives on {MAIN.title}, the best arm:")
        for gain in best.gains:
            console.print(Text(f"  {gain_text(gain)}"), soft_wrap=False)
    for sentence in learned_by_controls(shown, controls):
        console.print(Text(sentence))
    console.print(Text(seeds_text(seeds)))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _whole(share: float) -> str:
    return f"{100 * share:.0f}"


def _cell(cell: Cell | None, column: Column, several: bool) -> str:
    """A figure; the main one with its interval (one seed) or its range over seeds (several)."""
    if cell is None:
        return "-"
    if column is not MAIN:
        return _whole(cell.value)
    if several:
        low, high = min(cell.by_seed.values()), max(cell.by_seed.values())
        return f"{_whole(cell.value)} ({_whole(low)}-{_whole(high)})"
    return f"{_whole(cell.value)} [{_whole(cell.low or 0)},{_whole(cell.high or 0)}]"
