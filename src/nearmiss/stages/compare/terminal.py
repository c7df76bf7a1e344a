"""The comparison as text of 80 columns, printed at the end of `make run`."""

import io
from textwrap import fill

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nearmiss.base.display import single_line
from nearmiss.stages.compare import agreement, published
from nearmiss.stages.compare.exposure import exposure_text
from nearmiss.stages.compare.findings import (
    Findings,
    Style,
    best_text,
    findings,
    incomplete_text,
    seeds_text,
    solved_by_controls,
)
from nearmiss.stages.compare.overview import Cell, Column
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.robustness import VALUE, Robustness, name_of, robustness
from nearmiss.stages.compare.tables import training_seconds

WIDTH = 80
_NAME = 15  # characters of an arm's name per line of a table
_WORD = 10  # characters of a word in a table's head
_ROOM = 63  # characters of the columns of one table; the rest is for the arms' names

BRIEF = Style(lambda column: column.short, lambda gain: "")
"""Style with short names and without intervals, which are in the first table and on the page."""


def summary(report: Report) -> str:
    """The text of summary.txt."""
    out = io.StringIO()
    console = Console(file=out, width=WIDTH, color_system=None, force_terminal=False, highlight=False)
    seconds = training_seconds(report.costs)
    console.print(f"Percent{'; s: seconds of training' if seconds else ''}. index.html describes the columns.")
    for columns in _tables(report):
        console.print(_overview(report, columns, seconds))
    if note := incomplete_text(report):
        console.print(_text(note))
    shown = robustness(report.runs, report.overview)
    for title, table in (_finetuned(report), _robustness(report, shown)):
        if table is not None:
            console.print()
            console.print(Text(title))
            console.print(table)
    console.print()
    if best := best_text(report):
        console.print(_text(best))
    for found in findings(report, shown, BRIEF):
        console.print(Text(_paragraph(found)))
    for sentence in [*_inpainted(report), *_agreement(report), *solved_by_controls(report.overview, report.controls)]:
        console.print(_text(sentence))
    if line := exposure_text(report.runs):
        console.print(_text(line))
    if line := published.sentence(report.paper, report.runs):
        console.print(_text(line))
    console.print(Text(seeds_text(report)))
    lines = out.getvalue().replace("\N{NO-BREAK SPACE}", " ").replace("→", ">").replace("×", "x").splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _tables(report: Report) -> list[list[Column]]:
    """The columns of the overview, split into tables that fit the width."""
    tables: list[list[Column]] = [[]]
    used = 0
    for column in report.overview.columns:
        width = 1 + max(4, *(len(word) for word in _head(report, column).split()))
        width = max(width, _WORD + 1) if column == report.overview.main else width
        if used + width > _ROOM and tables[-1]:
            tables.append([])
            used = 0
        tables[-1].append(column)
        used += width
    return tables


def _head(report: Report, column: Column) -> str:
    """A column's head: words that fit the width, with a star if its benchmark is incomplete."""
    words = [word[start : start + _WORD] for word in column.short.split() for start in range(0, len(word), _WORD)]
    return single_line(" ".join(words) + ("*" if column.name in report.overview.incomplete else ""))


def _overview(report: Report, columns: list[Column], seconds: dict[str, float]) -> Table:
    """The given columns of every arm."""
    shown = report.overview
    table = _table()
    table.add_column("arm", max_width=_NAME, overflow="fold")
    for column in columns:
        table.add_column(Text(_head(report, column)), justify="right")
    if seconds:
        table.add_column("s", justify="right", no_wrap=True)
    for name, values in (("chance", shown.chance), ("blind", shown.blind)):
        table.add_row(name, *[_whole(values[column.name]) for column in columns])
    several = len(report.runs.seeds) > 1
    for arm, cells in shown.cells.items():
        texts = [_cell(cells.get(column.name), column == shown.main, several) for column in columns]
        table.add_row(_text(arm), *texts, *([f"{seconds[arm]:.0f}" if arm in seconds else ""] if seconds else []))
    table.add_row("n", *[str(shown.n[column.name][0]) for column in columns])
    return table


def _finetuned(report: Report) -> tuple[str, Table | None]:
    """The downstream tasks, one row per initialization."""
    shown = report.finetuned
    columns = _short_columns(report)
    if not columns:
        return "", None
    least = min(float(column.where["share"]) for column in shown.columns)
    fewer = f"/{100 * least:g}: with {100 * least:g} % of the labels; " if least < 1 else ""
    table = _table()
    table.add_column("init", max_width=_NAME, overflow="fold")
    for title, _ in columns:
        table.add_column(_text(title), justify="right")
    for name, values in (("chance", shown.chance), ("blind", shown.blind)):
        table.add_row(name, *[_whole(values[column.name]) for _, column in columns])
    for arm, row in shown.cells.items():
        cells = [row.get(column.name) for _, column in columns]
        table.add_row(_text(arm), *["-" if cell is None else _whole(cell.value) for cell in cells])
    return f"Fine-tuned accuracy (%); {fewer}+: new combinations.", table


def _robustness(report: Report, shown: Robustness) -> tuple[str, Table | None]:
    """The main column, or the first tested one, under each corruption, one row per arm."""
    severity = shown.severity()
    if severity is None or not shown.columns:
        return "", None
    main = report.overview.main
    column = main if main in shown.columns and main is not None else shown.columns[0]
    table = _table()
    table.add_column("arm", max_width=_NAME, overflow="fold")
    for name in ["clean", *map(name_of, shown.corruptions)]:
        table.add_column(_text(" ".join(word[:_WORD] for word in name.split())), justify="right")
    for arm in shown.arms:
        cells = [shown.of(arm, column, None, None, VALUE)]
        cells += [shown.of(arm, column, name, severity, VALUE) for name in shown.corruptions]
        table.add_row(_text(arm), *["-" if cell is None else _whole(cell.value) for cell in cells])
    return single_line(f"{column.title[:1].upper()}{column.title[1:]} (%): clean and at severity {severity}."), table


def _inpainted(report: Report) -> list[str]:
    """One sentence on the pairs of stage inpaint."""
    found = report.inpainted
    if not found:
        return []
    changed = found["changed_outside_masks"]
    return [f"Inpainted: {found['pairs']:,} pairs, {changed:,} pixels changed outside of their masks."]


def _agreement(report: Report) -> list[str]:
    """A sentence on each two benchmarks whose concepts are the same."""
    return [
        f"Rank of arms on {benchmark} against {reference}: {agreement.correlation_text(value)} (Spearman, {arms} arms"
        f"{', too few for a conclusion' if arms < agreement.FEW else ''})."
        for benchmark, reference, value, arms in agreement.pooled(report.correlations)
        if arms > 1
    ]


def _paragraph(found: Findings) -> str:
    """An arm's sentences with their labels; the first line begins with its name."""
    lines = []
    for place, (label, text) in enumerate(found.lines):
        head = f"{single_line(found.arm) if place == 0 else '':<7} "
        lines.append(fill(single_line(f"{label}: {text}"), WIDTH, initial_indent=head, subsequent_indent=" " * 10))
    return "\n".join(lines)


def _text(text: str) -> Text:
    """A text without rich markup and control characters, because names of arms are arbitrary."""
    return Text(single_line(text))


def _table() -> Table:
    return Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)


def _short_columns(report: Report) -> list[tuple[str, Column]]:
    """Short titles and columns, task by task: iid with most labels, iid with fewest, then other conditions."""
    shown = report.finetuned
    if not shown.columns:
        return []
    shares = [float(column.where["share"]) for column in shown.columns]
    least, most = min(shares), max(shares)
    found: list[tuple[str, Column]] = []
    for task in dict.fromkeys(column.short for column in shown.columns):
        mine = [column for column in shown.columns if column.short == task]
        iid = [column for column in mine if column.where.get("condition") == "iid"]
        found += [(task, column) for column in iid if column.where["share"] == most]
        found += [(f"/{100 * least:g}", column) for column in iid if column.where["share"] == least < most]
        others = [column for column in mine if column not in iid and column.where["share"] == most]
        found += [(f"+{column.title}", column) for column in others]
    return found


def _whole(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}"


def _cell(cell: Cell | None, main: bool, several: bool) -> str:
    """A value; the main one with its interval (one seed) or its range over seeds (several)."""
    if cell is None:
        return "-"
    if not main:
        return _whole(cell.value)
    low, high = (min(cell.by_seed.values()), max(cell.by_seed.values())) if several else (cell.low, cell.high)
    if low is None or high is None:
        return _whole(cell.value)
    span = f"{_whole(low)}-{_whole(high)}" if several else f"{_whole(low)},{_whole(high)}"
    return f"{_whole(cell.value)} ({span})" if several else f"{_whole(cell.value)} [{span}]"
