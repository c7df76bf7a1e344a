"""One color an arm, the same in every figure."""

from nearmiss.stages.compare import drawing
from nearmiss.stages.compare.findings import hard_negative_arms
from nearmiss.stages.compare.report import Report


def arm_colors(report: Report) -> dict[str, str]:
    """A color for each arm and initialisation of the report: muted for base, controls and scratch."""
    vivid = hard_negative_arms(report.overview, report.controls)
    plain = [arm for arm in report.runs.arms if arm not in vivid]
    others = [arm for arm in report.runs.initialisations if arm not in report.runs.arms]
    return drawing.colors([*plain, *others], vivid)
