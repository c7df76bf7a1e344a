"""Tables of the page for a paper: each as CSV, Markdown and LaTeX (booktabs)."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nearmiss.base.display import markdown, single_line
from nearmiss.base.files import write_text
from nearmiss.stages.compare import sections
from nearmiss.stages.compare.finetune import finetune_rows
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.robustness import Robustness, robustness_rows
from nearmiss.stages.compare.robustness_summary import reference_of, summary_rows

NAMES = ("overview", "gains", "arms", "costs", "false_negatives", "finetune", "robustness", "robustness_summary")
"""The exported tables; one without rows in a comparison has its head only."""
_LATEX = {
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "→": r"$\to$",
    "–": "--",
    "×": r"$\times$",
}


class Exported(NamedTuple):
    """A table of text cells."""

    title: str
    head: list[str]
    rows: list[list[str]]


def write_exports(report: Report, shown: Robustness, folder: Path) -> None:
    """Write NAMES as .csv, .md and .tex, unless a CSV with the full values is there."""
    for name, table in exported(report, shown).items():
        if not (folder / f"{name}.csv").exists():
            write_text(folder / f"{name}.csv", as_csv(table))
        write_text(folder / f"{name}.md", as_markdown(table))
        write_text(folder / f"{name}.tex", as_latex(table))


def exported(report: Report, shown: Robustness) -> dict[str, Exported]:
    """The tables by name."""
    columns = [column.title for column in report.overview.columns]
    trained = bool(report.runs.trainings)
    spent = ["training texts", "training seconds"] if trained else []
    compared, gains = sections.gain_rows(report, report.overview.columns)
    arms = ["arm", "role", "method", "per_caption", "per_image", "objective", "rates"]
    costs = ["job", "seconds", "cpu", "memory", "images", "texts", "tokens", "flops"]
    false = ["name", "n", "false_negatives", "undefined", "unparsed", "yield"]
    heads = [
        f"{value} at severity {severity}" for severity in shown.severities for value in ("value", "drop", "retained")
    ]
    return {
        "overview": Exported(
            "Values in percent",
            ["arm", *columns, *spent],
            [
                [row["name"], *_cells(row["cells"]), *(row["spent"] if trained else ())]
                for row in sections.main_rows(report)
            ],
        ),
        "gains": Exported(
            "Paired differences in percentage points",
            ["arm", "over", *(column.title for column in compared)],
            [[row["arm"], row["control"], *_cells(row["cells"])] for row in gains],
        ),
        "arms": _of("Arms", arms, sections.arm_rows(report)),
        "costs": _of("Costs of every job", costs, sections.cost_rows(report)),
        "false_negatives": _of("Negatives against the truth", false, sections.negative_rows(report)),
        "finetune": Exported(
            "Fine-tuned accuracy in percent",
            ["initialization", *(column.description for column in report.finetuned.columns)],
            [[row["name"], *_cells(row["cells"])] for row in finetune_rows(report.finetuned)],
        ),
        "robustness": Exported(
            "Values under corruption in percent",
            ["column", "corruption", "arm", "clean", *heads],
            [
                [column.title, row["corruption"], row["arm"], *_cells([row["clean"], *row["cells"]])]
                for column in shown.columns
                for row in robustness_rows(shown, column)
            ],
        ),
        "robustness_summary": Exported(
            "Mean corruption error and area under the severity curve in percent",
            ["column", "arm", "mean corruption error", "area"],
            [
                [column.title, row["arm"], *_cells(row["cells"])]
                for column in shown.columns
                for row in summary_rows(shown, column, reference_of(report.controls, shown))
            ],
        ),
    }


def as_csv(table: Exported) -> str:
    """The table as CSV with a head."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.head)
    writer.writerows([[single_line(cell) for cell in row] for row in table.rows])
    return out.getvalue()


def as_markdown(table: Exported) -> str:
    """The table as a pipe table of Markdown."""
    lines = [table.head, ["---"] * len(table.head), *table.rows]
    return "".join(f"| {' | '.join(cell if cell == '---' else markdown(cell) for cell in line)} |\n" for line in lines)


def as_latex(table: Exported) -> str:
    """The table as a LaTeX table; needs the package booktabs."""
    lines = [" & ".join(map(_latex, line)) + r" \\" for line in (table.head, *table.rows)]
    body = [r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"]
    opening = [r"\begin{table}", r"\centering", rf"\caption{{{_latex(table.title)}.}}"]
    layout = "l" + "r" * (len(table.head) - 1)
    closing = [r"\end{tabular}", r"\end{table}"]
    return "\n".join([*opening, rf"\begin{{tabular}}{{{layout}}}", *body, *closing]) + "\n"


def _latex(text: str) -> str:
    return "".join(_LATEX.get(mark, mark) for mark in single_line(text))


def _of(title: str, keys: Sequence[str], rows: Sequence[dict[str, Any]]) -> Exported:
    return Exported(title, [key.replace("_", " ") for key in keys], [[str(row[key]) for key in keys] for row in rows])


def _cells(cells: Sequence[dict[str, Any]]) -> list[str]:
    """The texts of cells: the value, its interval or seeds in brackets, and p."""
    return [
        cell["text"] + (f" [{cell['range']}]" if cell.get("range") else "") + (f" {cell['p']}" if cell.get("p") else "")
        for cell in cells
    ]
