"""Synthesised against re-drawn pairs: a panel a concept, a point an arm."""

from nearmiss.stages.compare import drawing
from nearmiss.stages.compare.correlations import pairs
from nearmiss.stages.compare.palette import arm_colors
from nearmiss.stages.compare.report import Report


def synthesis_figure(report: Report) -> str | None:
    """Accuracy on both kinds of pairs; on the diagonal an arm answers both alike."""
    keys = ["concept", "operator", "arm"]
    inpainted, redrawn = (pairs(report.runs, name).filter(metric="accuracy") for name in ("inpaintcoco", "world"))
    both = inpainted.join(redrawn.select(*keys, redrawn="value"), on=keys, how="inner")
    concepts = sorted(set(both.select("concept", "operator").iter_rows()))
    if not concepts:
        return None
    palette = arm_colors(report)
    made, axes = drawing.figure(7.4, 2.4, ncols=len(concepts), sharey=True, sharex=True, squeeze=False)
    for axis, (concept, operator) in zip(axes[0], concepts, strict=True):
        axis.plot([40, 100], [40, 100], color="#808080", linewidth=1, linestyle=":")
        for row in both.filter(concept=concept, operator=operator).iter_rows(named=True):
            color = palette.get(row["arm"], "#808080")
            axis.plot([100 * row["redrawn"]], [100 * row["value"]], "o", color=color, markersize=4.5, alpha=0.85)
        axis.set_title(f"{concept}, {operator}" if len(concepts) < 5 else concept, fontsize=9)
        axis.grid()
    least = min(40, 100 * min(both["value"].to_list() + both["redrawn"].to_list()))
    axes[0][0].set_xlim(least - 2, 102)
    axes[0][0].set_ylim(least - 2, 102)
    axes[0][0].set_ylabel("synthesised (%)")
    made.supxlabel("re-drawn (%)", fontsize=9)
    arms = [arm for arm in report.runs.arms if arm in set(both["arm"])]
    handles = [drawing.handle(palette.get(arm, "#808080"), arm, line="") for arm in arms]
    made.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 7))
    return drawing.svg(made, "synthesis")
