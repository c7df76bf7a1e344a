"""The figures of the page. This module: gains, the matrix of cells, training curves, cost against value."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from nearmiss.base.display import single_line
from nearmiss.base.files import replacing, write_text
from nearmiss.stages.compare import drawing
from nearmiss.stages.compare.answer_figure import answer_figure
from nearmiss.stages.compare.cells import Cells, cells
from nearmiss.stages.compare.drawing import Drawn, arm_colors, tip
from nearmiss.stages.compare.figures_of_stages import agreement_figure, finetune_figure, robustness_figure, terms_figure
from nearmiss.stages.compare.interpolation_figure import interpolation_figure
from nearmiss.stages.compare.overview import BASE, compared_arms, percent, points
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.tables import training_seconds

MARKS = {"seen": "●", "wording": "◕", "concept": "◐", "unseen": "○"}


def write_figures(report: Report, folder: Path) -> dict[str, str]:
    """Write each figure as SVG and PDF into `folder`; name -> SVG text, empty if a figure has no data."""
    makers: dict[str, Callable[[Report], Drawn | None]] = {
        "answer": answer_figure,
        "gains": gains,
        "matrix": matrix,
        "curves": curves,
        "terms": terms_figure,
        "cost": cost,
        "finetune": finetune_figure,
        "robustness": robustness_figure,
        "interpolation": interpolation_figure,
        "agreement": agreement_figure,
    }
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {name: make(report) for name, make in makers.items()}
    for name, made in drawn.items():
        if made is not None:
            write_text(folder / f"{name}.svg", made.svg)
            with replacing(folder / f"{name}.pdf") as partial:
                partial.write_bytes(made.pdf)
    return {name: "" if made is None else made.svg for name, made in drawn.items()}


def gains(report: Report) -> Drawn | None:
    """Paired differences to each control, one row per column; small marks are single seeds."""
    arms = compared_arms(report.overview, report.controls)
    shown = [gain for gain in report.gains if gain.arm in arms and gain.column in report.overview.columns]
    columns = [column for column in report.overview.columns if any(gain.column == column for gain in shown)]
    if not shown:
        return None
    palette = arm_colors(report)
    height = 0.9 + 0.13 * len(columns) * (len(arms) + 1.2)
    made, axes = drawing.figure(7.4, height, ncols=len(report.controls), sharey=True, sharex=True, squeeze=False)
    step = 0.8 / max(len(arms), 1)
    for axis, control in zip(axes[0], report.controls, strict=True):
        axis.axvline(0, color="#808080", linewidth=1)
        for gain in shown:
            if gain.control != control:
                continue
            y = columns.index(gain.column) + (arms.index(gain.arm) - (len(arms) - 1) / 2) * step
            color = palette[gain.arm]
            seeds = list(gain.by_seed.values())
            if len(seeds) == 1:
                axis.plot([100 * seeds[0][1], 100 * seeds[0][2]], [y, y], color=color, linewidth=1.8, alpha=0.7)
            else:
                axis.plot([100 * value[0] for value in seeds], [y] * len(seeds), ".", color=color, alpha=0.6)
            text = f"{gain.arm}, {gain.column.title}: {points(gain.value)} points over {control}"
            axis.plot([100 * gain.value], [y], "o", color=color, markersize=4.5, gid=tip(text))
        axis.set_title(f"over {control}")
        axis.set_xlabel("points")
        axis.grid(axis="x")
        axis.set_yticks(range(len(columns)), [column.title for column in columns])
        axis.set_ylim(len(columns) - 0.5, -0.5)
    handles = [drawing.handle(palette[arm], arm) for arm in arms]
    made.legend(handles=handles, loc="outside upper center", ncols=min(len(arms), 6))
    return drawing.rendered(made, "gains")


def matrix(report: Report) -> Drawn | None:
    """Arms by evaluated cells, marked by what each arm's negatives edited. Blue is above chance, red below."""
    found: Cells = cells(report.runs)
    if not found.rows:
        return None
    arms = report.runs.arms
    made, axis = drawing.figure(7.4, 0.7 + 0.24 * len(found.rows))
    for y, row in enumerate(found.rows):
        for x, arm in enumerate(arms):
            cell = found.values.get((arm, row))
            if cell is None:
                continue
            span = 1 - cell.chance if cell.value >= cell.chance else cell.chance
            over = (cell.value - cell.chance) / span if span else 0.0
            color = "#2f7ed8" if over >= 0 else "#d8494f"
            patch = Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=color, alpha=0.6 * abs(over), linewidth=0)
            axis.add_patch(patch)
            mark = MARKS.get(cell.trained or "", "") if report.runs.trainings else ""
            axis.text(x, y, f"{100 * cell.value:.0f} {mark}", ha="center", va="center", fontsize=8.5)
    axis.set_xticks(range(len(arms)), [single_line(arm) for arm in arms])
    axis.xaxis.tick_top()
    axis.set_yticks(range(len(found.rows)), [row.title for row in found.rows], fontsize=8.5)
    axis.set_xlim(-0.5, len(arms) - 0.5)
    axis.set_ylim(len(found.rows) - 0.5, -0.5)
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
    return drawing.rendered(made, "matrix")


def curves(report: Report) -> Drawn | None:
    """The training loss of every run, smoothed. Objectives differ, so losses of different arms are not comparable."""
    palette = arm_colors(report)
    made, axes = drawing.figure(7.4, 2.6, ncols=2, width_ratios=[1, 2])
    found = False
    named: list[tuple[Line2D, str]] = []  # explicit, because matplotlib omits labels that begin with _
    for training in report.runs.trainings:
        points = [(entry["step"], entry["loss"]) for entry in training.curve if "step" in entry and "loss" in entry]
        if not points:
            continue
        found = True
        axis = axes[0] if training.arm == BASE else axes[1]
        x, y = zip(*points, strict=True)
        marker = "." if len(x) == 1 else None
        color = palette.get(training.arm, "#808080")
        (line,) = axis.plot(x, _smooth(list(y)), color=color, linewidth=1.3, marker=marker)
        if axis is axes[1] and training.seed == report.runs.seeds[0]:
            named.append((line, single_line(training.arm)))
    if not found:
        return None
    axes[0].set_title("base, from random weights")
    axes[1].set_title("arms, from the base")
    axes[0].set_ylabel("loss")
    for axis in axes:
        axis.set_xlabel("step")
        axis.grid(axis="y")
    if named:
        lines, names = zip(*named, strict=True)
        axes[1].legend(lines, names, fontsize=8.5, ncols=2)
    return drawing.rendered(made, "curves")


def cost(report: Report) -> Drawn | None:
    """Training seconds against accuracy in the main column."""
    main = report.overview.main
    if main is None:
        return None
    seconds = training_seconds(report.costs)
    shown = {
        arm: (seconds[arm], report.overview.cells[arm][main.name])
        for arm in report.runs.arms
        if arm in seconds and main.name in report.overview.cells[arm]
    }
    if not shown:
        return None
    palette = arm_colors(report)
    made, axis = drawing.figure(7.4, 2.8)
    if (chance := report.overview.chance[main.name]) is not None:
        axis.axhline(100 * chance, color="#808080", linewidth=1, linestyle=":")
    for arm, (x, cell) in shown.items():
        if cell.low is not None and cell.high is not None:
            axis.plot([x, x], [100 * cell.low, 100 * cell.high], color=palette[arm], linewidth=1.8, alpha=0.6)
        else:
            values = [100 * value for value in cell.by_seed.values()]
            axis.plot([x] * len(values), values, ".", color=palette[arm], alpha=0.6)
        text = f"{arm}: {percent(cell.value)} % after {x:,.0f} seconds"
        axis.plot([x], [100 * cell.value], "o", color=palette[arm], gid=tip(text))
        axis.annotate(arm, (x, 100 * cell.value), xytext=(6, 4), textcoords="offset points", fontsize=9)
    axis.set_xlabel("training seconds of the arm")
    axis.set_ylabel(f"{main.title} (%)")
    axis.margins(x=0.12)
    axis.set_ylim(min(40, axis.get_ylim()[0]), 102)
    axis.grid(axis="y")
    return drawing.rendered(made, "cost")


def _smooth(values: list[float], weight: float = 0.8) -> list[float]:
    """Exponential moving average, corrected for its start."""
    smooth, total, norm = [], 0.0, 0.0
    for value in values:
        total, norm = weight * total + (1 - weight) * value, weight * norm + (1 - weight)
        smooth.append(total / norm)
    return smooth
