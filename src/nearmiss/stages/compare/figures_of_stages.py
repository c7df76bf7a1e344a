"""Figures of single stages: fine-tuned tasks, robustness over severities, and agreement of two benchmarks."""

import polars as pl

from nearmiss.stages.compare import agreement, drawing
from nearmiss.stages.compare.drawing import Drawn, arm_colors, tip
from nearmiss.stages.compare.finetune import panels
from nearmiss.stages.compare.overview import Column, compared_arms, percent
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.robustness import RETAINED, VALUE, Robustness, name_of, robustness

_MARKERS = ("o", "s", "D", "^", "v")
_GRAY = "#808080"
_ROWS = 2  # columns in the robustness figure
_PANELS = 5  # concepts in the agreement figure


def finetune_figure(report: Report) -> Drawn | None:
    """One panel per task and share of labels, one row per initialization, one mark per condition.

    Accuracy with its interval (one seed) or every seed; dotted: chance, dashed: blind, both on the first condition.
    """
    shown = report.finetuned
    if not shown.columns:
        return None
    drawn = panels(shown)
    arms = list(shown.cells)
    palette = arm_colors(report)
    conditions = list(dict.fromkeys(column.title for column in shown.columns))
    markers = {title: _MARKERS[place % len(_MARKERS)] for place, title in enumerate(conditions)}
    half = (len(drawn) + 1) // 2
    made, axes = drawing.figure(
        7.4, 0.5 + 2 * (0.5 + 0.26 * len(arms)), nrows=2, ncols=half, sharey=True, squeeze=False
    )
    for axis in axes.ravel()[len(drawn) :]:
        axis.set_visible(False)
    for axis, (title, columns) in zip(axes.ravel(), drawn, strict=False):
        for values, style in ((shown.chance, ":"), (shown.blind, "--")):
            if (value := values[columns[0].name]) is not None:
                axis.axvline(100 * value, color=_GRAY, linewidth=1, linestyle=style)
        step = 0.7 / max(len(columns), 1)
        for place, column in enumerate(columns):
            for row, arm in enumerate(arms):
                cell = shown.cells[arm].get(column.name)
                if cell is None:
                    continue
                y, color = row + (place - (len(columns) - 1) / 2) * step, palette.get(arm, _GRAY)
                if cell.low is not None and cell.high is not None:
                    axis.plot([100 * cell.low, 100 * cell.high], [y, y], color=color, linewidth=1.2, alpha=0.6)
                else:
                    axis.plot([100 * v for v in cell.by_seed.values()], [y] * len(cell.by_seed), ".", color=color)
                text = tip(f"{arm}, {title}, {column.title}: {percent(cell.value)} %")
                axis.plot([100 * cell.value], [y], markers[column.title], color=color, markersize=4, gid=text)
        axis.set_title(title)
        axis.grid(axis="x")
        axis.set_yticks(range(len(arms)), arms)
        axis.set_ylim(len(arms) - 0.5, -0.5)
    made.supxlabel("accuracy (%)", fontsize=9)
    handles = [drawing.handle(_GRAY, title, marker=markers[title], line="") for title in conditions]
    made.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 5))
    return drawing.rendered(made, "finetune")


def terms_figure(report: Report) -> Drawn | None:
    """One panel per arm of the first seed with several loss terms, one line per term."""
    found: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for training in report.runs.trainings:
        if training.seed != report.runs.seeds[0]:
            continue
        weighted = {str(term.get("term")) for term in training.options.get("objective", [])}
        for entry in training.curve:
            for name in weighted & entry.keys():
                found.setdefault(training.arm, {}).setdefault(name, []).append((entry["step"], entry[name]))
    found = {arm: terms for arm, terms in found.items() if len(terms) > 1}
    if not found:
        return None
    across = min(len(found), 3)
    down = (len(found) + across - 1) // across
    made, axes = drawing.figure(7.4, 0.5 + 2.1 * down, nrows=down, ncols=across, sharex=True, squeeze=False)
    names = sorted({name for terms in found.values() for name in terms})
    palette = drawing.colors([], names)
    for axis in axes.ravel()[len(found) :]:
        axis.set_visible(False)
    for axis, (arm, terms) in zip(axes.ravel(), found.items(), strict=False):
        for name, points in sorted(terms.items()):
            axis.plot(*zip(*points, strict=True), color=palette[name], linewidth=1, alpha=0.85)
        axis.set_title(arm)
        axis.grid(axis="y")
    made.supxlabel("step", fontsize=9)
    handles = [drawing.handle(palette[name], name.replace("_", " "), marker="") for name in names]
    made.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 4))
    return drawing.rendered(made, "terms")


def robustness_figure(report: Report) -> Drawn | None:
    """One panel per corruption, one line per arm: the main column, and the next one with an arm above chance."""
    shown = robustness(report.runs, report.overview)
    columns = [
        column for column in shown.columns if column == report.overview.main or _above_chance(report, shown, column)
    ][:_ROWS]
    if not columns or not shown.corruptions:
        return None
    palette = arm_colors(report)
    made, axes = drawing.figure(
        7.4,
        0.5 + 1.75 * len(columns),
        nrows=len(columns),
        ncols=len(shown.corruptions),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    ticks = [0, *shown.severities]
    for row, column in enumerate(columns):
        for axis, corruption in zip(axes[row], shown.corruptions, strict=True):
            axis.axhline(100 * shown.chance[column.name], color=_GRAY, linewidth=1, linestyle=":")
            for arm in shown.arms:
                clean = shown.of(arm, column, None, None, VALUE)
                corrupted = [shown.of(arm, column, corruption, severity, VALUE) for severity in shown.severities]
                points = [(x, 100 * c.value) for x, c in zip(ticks, [clean, *corrupted], strict=True) if c is not None]
                if points:
                    x, y = zip(*points, strict=True)
                    axis.plot(x, y, color=palette.get(arm, _GRAY), linewidth=1.4, marker="o", markersize=3)
            if row == 0:
                axis.set_title(name_of(corruption), fontsize=9)
            axis.grid(axis="y")
            axis.set_xticks(ticks, [str(tick) for tick in ticks])
        axes[row][0].set_ylabel(f"{column.title} (%)")
    made.supxlabel("severity (0: clean)", fontsize=9)
    handles = [drawing.handle(palette.get(arm, _GRAY), arm) for arm in shown.arms]
    made.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 7))
    return drawing.rendered(made, "robustness")


def _above_chance(report: Report, shown: Robustness, column: Column) -> bool:
    """Whether a compared arm is far enough above chance for the share retained."""
    arms = compared_arms(report.overview, report.controls)
    return any(arm in arms and name == column.name and kind == RETAINED for arm, name, _, _, kind in shown.cells)


def agreement_figure(report: Report) -> Drawn | None:
    """One panel per common concept of two benchmarks, one point per arm; scores are equal on the diagonal."""
    concepts = report.correlations.filter(pl.col("concept").is_not_null())
    if concepts.is_empty():
        return None
    benchmark, reference, metric = concepts.select("benchmark", "reference", "metric").row(0)
    keys = ["subset", "concept", "operator", "metric", "arm"]
    one, other = (agreement.concept_metrics(report.runs, name) for name in (benchmark, reference))
    both = one.filter(metric=metric).join(other.select(*keys, reference="value"), on=keys, how="inner")
    panels = sorted(set(both.select("concept", "operator").iter_rows()))[:_PANELS]
    palette = arm_colors(report)
    made, axes = drawing.figure(7.4, 2.4, ncols=len(panels), sharey=True, sharex=True, squeeze=False)
    for axis, (concept, operator) in zip(axes[0], panels, strict=True):
        axis.plot([0, 100], [0, 100], color=_GRAY, linewidth=1, linestyle=":")
        for row in both.filter(concept=concept, operator=operator).iter_rows(named=True):
            color = palette.get(row["arm"], _GRAY)
            x, y = row["reference"], row["value"]
            text = tip(f"{row['arm']}: {percent(x)} % and {percent(y)} %")
            axis.plot([100 * x], [100 * y], "o", color=color, markersize=4.5, alpha=0.85, gid=text)
        axis.set_title(f"{concept}, {operator}" if len(panels) < _PANELS else concept, fontsize=9)
        axis.grid()
    least = min(40, 100 * min(both["value"].to_list() + both["reference"].to_list()))
    axes[0][0].set_xlim(least - 2, 102)
    axes[0][0].set_ylim(least - 2, 102)
    axes[0][0].set_ylabel(f"{benchmark} (%)")
    made.supxlabel(f"{reference} (%)", fontsize=9)
    arms = [arm for arm in report.runs.arms if arm in set(both["arm"])]
    handles = [drawing.handle(palette.get(arm, _GRAY), arm, line="") for arm in arms]
    made.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 7))
    return drawing.rendered(made, "agreement")
