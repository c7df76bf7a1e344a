"""The figure of weights between the base and each arm: what is gained against what it costs, one curve an arm."""

from nearmiss.stages.compare import drawing, interpolation
from nearmiss.stages.compare.drawing import Drawn, arm_colors, tip
from nearmiss.stages.compare.overview import percent
from nearmiss.stages.compare.report import Report

_GRAY = "#808080"


def interpolation_figure(report: Report) -> Drawn | None:
    """Fine-grained accuracy (up) against retrieval and zero-shot metrics (across); a mark a share, a ring if chosen.

    Without columns of costs, or of gains, there is no such plane and no figure.
    """
    found = interpolation.cells(report)
    gained, paid = interpolation.axes(report)
    if not found or not gained or not paid:
        return None
    palette, picked = arm_colors(report), interpolation.chosen(report)
    made, axis = drawing.figure(7.4, 3.6)
    arms = list(dict.fromkeys(arm for arm, _ in found))
    for arm in arms:
        color = palette.get(arm, _GRAY)
        curve = sorted((alpha, of) for (name, alpha), of in found.items() if name == arm)
        points = [(100 * interpolation.point(of, paid), 100 * interpolation.point(of, gained)) for _, of in curve]
        axis.plot(*zip(*points, strict=True), color=color, linewidth=1.2, alpha=0.7)
        for (alpha, _), (x, y) in zip(curve, points, strict=True):
            text = f"{arm}, alpha {alpha:g}: {percent(y / 100)} % up, {percent(x / 100)} % across"
            axis.plot([x], [y], "o", color=color, markersize=3 + 2.5 * alpha, gid=tip(text))
            if alpha in picked.get(arm, []):
                axis.plot([x], [y], "o", color=color, markersize=10, fillstyle="none")
    axis.grid()
    axis.set_xlabel("retrieval and zero-shot, mean (%)")
    axis.set_ylabel("fine-grained accuracy, mean (%)")
    made.legend(
        handles=[drawing.handle(palette.get(arm, _GRAY), arm) for arm in arms],
        loc="outside upper center",
        ncols=min(len(arms), 7),
    )
    return drawing.rendered(made, "interpolation")
