"""Downstream tasks: a panel a task and share of the labels, a row an initialisation, a mark a condition."""

from itertools import groupby

from nearmiss.stages.compare import drawing
from nearmiss.stages.compare.palette import arm_colors
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.transfer import share_text, task_text

MARKERS = ("o", "s", "D", "^", "v")


def transfer_figure(report: Report) -> str | None:
    """Accuracy with its interval (one seed) or every seed; dotted: chance, dashed: words alone, both on iid."""
    shown = report.transfer
    if not shown.columns:
        return None
    panels = [
        (f"{task_text(str(task))}, {share_text(float(share))}", list(columns))
        for (task, share), columns in groupby(shown.columns, lambda c: (c.where["task"], c.where["share"]))
    ]
    arms = list(shown.cells)
    palette = arm_colors(report)
    conditions = list(dict.fromkeys(column.title for column in shown.columns))
    markers = {title: MARKERS[place % len(MARKERS)] for place, title in enumerate(conditions)}
    half = (len(panels) + 1) // 2
    made, axes = drawing.figure(
        7.4, 0.5 + 2 * (0.5 + 0.26 * len(arms)), nrows=2, ncols=half, sharey=True, squeeze=False
    )
    for axis in axes.ravel()[len(panels) :]:
        axis.set_visible(False)
    for axis, (title, columns) in zip(axes.ravel(), panels, strict=False):
        axis.axvline(100 * shown.chance[columns[0].name], color="#808080", linewidth=1, linestyle=":")
        axis.axvline(100 * shown.blind[columns[0].name], color="#808080", linewidth=1, linestyle="--")
        step = 0.7 / max(len(columns), 1)
        for place, column in enumerate(columns):
            for row, arm in enumerate(arms):
                cell = shown.cells[arm].get(column.name)
                if cell is None:
                    continue
                y, color = row + (place - (len(columns) - 1) / 2) * step, palette.get(arm, "#808080")
                if cell.low is not None and cell.high is not None:
                    axis.plot([100 * cell.low, 100 * cell.high], [y, y], color=color, linewidth=1.2, alpha=0.6)
                else:
                    axis.plot([100 * v for v in cell.by_seed.values()], [y] * len(cell.by_seed), ".", color=color)
                axis.plot([100 * cell.value], [y], markers[column.title], color=color, markersize=4)
        axis.set_title(title)
        axis.grid(axis="x")
        axis.set_yticks(range(len(arms)), arms)
        axis.set_ylim(len(arms) - 0.5, -0.5)
    made.supxlabel("accuracy (%)", fontsize=9)
    handles = [drawing.handle("#808080", title, marker=markers[title], line="") for title in conditions]
    made.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 5))
    return drawing.svg(made, "transfer")
