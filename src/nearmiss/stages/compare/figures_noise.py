"""Accuracy over severity: a small panel a corruption, a line an arm."""

from nearmiss.stages.compare import drawing
from nearmiss.stages.compare.findings import hard_negative_arms
from nearmiss.stages.compare.noise import Noise, name_of, noise
from nearmiss.stages.compare.overview import MAIN, Column
from nearmiss.stages.compare.palette import arm_colors
from nearmiss.stages.compare.report import Report


def noise_figure(report: Report) -> str | None:
    """A row of panels for the main concept, and one for binding where an arm with hard negatives has learned it."""
    shown = noise(report.runs)
    concepts = [concept for concept in shown.concepts if concept == MAIN or _learned_binding(report, shown, concept)]
    if not concepts or not shown.corruptions:
        return None
    palette = arm_colors(report)
    made, axes = drawing.figure(
        7.4,
        0.5 + 1.75 * len(concepts),
        nrows=len(concepts),
        ncols=len(shown.corruptions),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    ticks = [0, *shown.severities]
    for row, concept in enumerate(concepts):
        for axis, corruption in zip(axes[row], shown.corruptions, strict=True):
            axis.axhline(50, color="#808080", linewidth=1, linestyle=":")
            for arm in shown.arms:
                clean = shown.of(arm, concept, None, None, "accuracy")
                noisy = [shown.of(arm, concept, corruption, severity, "accuracy") for severity in shown.severities]
                points = [(x, 100 * c.value) for x, c in zip(ticks, [clean, *noisy], strict=True) if c is not None]
                if points:
                    x, y = zip(*points, strict=True)
                    axis.plot(x, y, color=palette.get(arm, "#808080"), linewidth=1.4, marker="o", markersize=3)
            if row == 0:
                axis.set_title(name_of(corruption), fontsize=9)
            axis.grid(axis="y")
            axis.set_xticks(ticks, ["0" if tick == 0 else str(tick) for tick in ticks])
        axes[row][0].set_ylabel(f"{concept.title} (%)")
    made.supxlabel("severity (0: clean)", fontsize=9)
    handles = [drawing.handle(palette.get(arm, "#808080"), arm) for arm in shown.arms]
    made.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 7))
    return drawing.svg(made, "noise")


def _learned_binding(report: Report, shown: Noise, concept: Column) -> bool:
    """Whether what noise leaves of binding can be said of some arm with hard negatives."""
    if concept.name != "binding":
        return False
    return any(
        arm in hard_negative_arms(report.overview, report.controls) and name == concept.name and metric == "retained"
        for arm, name, _, _, metric in shown.figures
    )
