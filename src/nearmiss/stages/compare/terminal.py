"""The comparison as plain text, 80 columns wide: what `make run` ends with."""

import io
from textwrap import fill

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nearmiss.base.display import single_line
from nearmiss.stages.compare import plain, synthesis
from nearmiss.stages.compare.correlations import FEW
from nearmiss.stages.compare.costs import training_seconds
from nearmiss.stages.compare.findings import learned_by_controls, seeds_text
from nearmiss.stages.compare.noise import Noise, noise
from nearmiss.stages.compare.overview import MAIN, Cell, Column
from nearmiss.stages.compare.report import Report

WIDTH = 80
_NAME = 15  # characters of an arm's name in one line of a table
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
TASKS = {"vsr": "VSR", "shapes": "shape"}
CONDITIONS = {"new_relation": "+rel", "new_pair": "+pair"}
NOISE = {"gaussian_noise": "noise", "defocus_blur": "blur", "jpeg_compression": "jpeg", "contrast": "contr"}


BRIEF = plain.Voice(lambda column: SHORT[column.name], lambda gain: "")
"""Short names and no intervals: those stand in the first table and on the page."""


def summary(report: Report) -> str:
    """The text of summary.txt."""
    out = io.StringIO()
    console = Console(file=out, width=WIDTH, color_system=None, force_terminal=False, highlight=False)
    console.print("Single decisions, iid (%). T>I, I>T: Recall@1. s: seconds of training.")
    console.print(_overview(report))
    if any(scored < expected for scored, expected in report.overview.n.values()):
        console.print("Not every item was scored: the page shows n_scored / n_expected.")
    shown = noise(report.runs)
    later = _later(report, shown)
    if later is not None:
        console.print()
        console.print(Text(_title(report, shown)))
        console.print(later)
    console.print()
    if best := plain.best_text(report):
        console.print(_text(best))
    for words in plain.words(report, shown, BRIEF):
        console.print(Text(_paragraph(words)))
    for sentence in [*_synthesis(report), *learned_by_controls(report.overview, report.controls)]:
        console.print(_text(sentence))
    console.print(Text(seeds_text(report.runs.seeds)))
    lines = out.getvalue().replace("\N{NO-BREAK SPACE}", " ").replace("→", ">").replace("×", "x").splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _overview(report: Report) -> Table:
    """The headline columns of every arm."""
    shown, seconds = report.overview, training_seconds(report.costs)
    table = _table()
    table.add_column("arm", max_width=_NAME, overflow="fold")
    for column in shown.columns:
        table.add_column(SHORT[column.name], justify="right", no_wrap=True)
    table.add_column("s", justify="right", no_wrap=True)
    for name, values in (("chance", shown.chance), ("blind", shown.blind)):
        table.add_row(name, *[_whole(values[column.name]) for column in shown.columns], "")
    several = len(report.runs.seeds) > 1
    for arm, cells in shown.cells.items():
        figures = [_cell(cells.get(column.name), column, several) for column in shown.columns]
        table.add_row(_text(arm), *figures, f"{seconds[arm]:.0f}" if arm in seconds else "")
    scored = [("" if column.cost else str(shown.n[column.name][0])) for column in shown.columns]
    table.add_row("n", *scored, "")
    return table


def _later(report: Report, shown: Noise) -> Table | None:
    """Fine-tuned tasks, and the main concept under noise: a row an initialisation or arm."""
    severity, main = shown.severity(), MAIN if MAIN in shown.concepts else None
    noisy = shown.corruptions if main is not None and severity is not None else []
    tuned = _tuned(report)
    if not tuned and not noisy:
        return None
    table = _table()
    table.add_column("start", max_width=_NAME, overflow="fold")
    for title, _ in tuned:
        table.add_column(_text(title), justify="right")
    for name in ["clean", *noisy] if noisy else []:
        table.add_column(_text(NOISE.get(name, name[:6])), justify="right", no_wrap=True)
    empty = [""] * (1 + len(noisy) if noisy else 0)
    for name, values in (("chance", report.transfer.chance), ("blind", report.transfer.blind)) if tuned else ():
        table.add_row(name, *[_whole(values[column.name]) for _, column in tuned], *empty)
    for arm in dict.fromkeys([*report.transfer.cells, *shown.arms]):
        cells = [report.transfer.cells.get(arm, {}).get(column.name) for _, column in tuned]
        if main is not None and noisy:
            cells.append(shown.of(arm, main, None, None, "accuracy"))
            cells += [shown.of(arm, main, name, severity, "accuracy") for name in noisy]
        table.add_row(_text(arm), *["-" if cell is None else _whole(cell.value) for cell in cells])
    return table


def _title(report: Report, shown: Noise) -> str:
    """What the second table holds."""
    parts = []
    if report.transfer.columns:
        least = min(float(column.where["share"]) for column in report.transfer.columns)
        fewer = f"/{100 * least:g}: with {100 * least:g} % of the labels; " if least < 1 else ""
        parts.append(f"Fine-tuned accuracy (%); {fewer}+: new combinations.")
    if shown.corruptions:
        parts.append(f"{MAIN.title.capitalize()}, 2x2: clean and at severity {shown.severity()}.")
    return " ".join(parts)


def _synthesis(report: Report) -> list[str]:
    """One sentence on the synthesised pairs."""
    found, counted = synthesis.pooled(report.correlations), report.synthesised
    told = []
    if counted:
        told.append(
            f"Synthesised: {counted['pairs']:,} pairs, {counted['changed_outside_masks']:,} pixels changed outside "
            "their masks"
        )
    if found is not None:
        value, arms = found
        few = ", too few to say much" if arms < FEW else ""
        told.append(
            f"rank of arms against re-drawn pairs {synthesis.correlation_text(value)} (Spearman, {arms} arms{few})"
        )
    return [f"{'; '.join(told)}."] if told else []


def _paragraph(words: plain.Words) -> str:
    """An arm's sentences, each under its label, its name in front of the first."""
    lines = []
    for place, (label, text) in enumerate(words.lines):
        head = f"{single_line(words.arm) if place == 0 else '':<7} "
        lines.append(fill(single_line(f"{label}: {text}"), WIDTH, initial_indent=head, subsequent_indent=" " * 10))
    return "\n".join(lines)


def _text(text: str) -> Text:
    """A text without markup of rich's own and without characters that a terminal obeys: arms may be called anything."""
    return Text(single_line(text))


def _table() -> Table:
    return Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)


def _tuned(report: Report) -> list[tuple[str, Column]]:
    """Short titles and columns, task by task: iid with most labels, iid with fewest, then held-out combinations."""
    shown = report.transfer
    if not shown.columns:
        return []
    shares = [float(column.where["share"]) for column in shown.columns]
    least, most = min(shares), max(shares)
    found: list[tuple[str, Column]] = []
    for task in dict.fromkeys(str(column.where["task"]) for column in shown.columns):
        mine = [column for column in shown.columns if column.where["task"] == task]
        iid = [column for column in mine if column.where["condition"] == "iid"]
        name = TASKS.get(task, task)
        found += [(name, column) for column in iid if column.where["share"] == most]
        found += [(f"/{100 * least:g}", column) for column in iid if column.where["share"] == least < most]
        others = [column for column in mine if column not in iid and column.where["share"] == most]
        found += [(CONDITIONS.get(str(c.where["condition"]), f"+{c.where['condition']}"), c) for c in others]
    return found


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
