"""The answer of a comparison in one sentence, and the control that it is about.

A gain or a cost is stated only if its Holm-adjusted test supports it in every seed (`findings.measured`). Any other
difference is called exploratory.
"""

from dataclasses import dataclass

from nearmiss.stages.compare.findings import measured
from nearmiss.stages.compare.overview import BASE, Column, Gain, compared_arms, p_text, percent, points
from nearmiss.stages.compare.report import Report


@dataclass(frozen=True)
class Answer:
    """The sentences, the arm that is best in the main column, and its strongest control; None where there is none."""

    sentences: list[str]
    arm: str | None = None
    control: str | None = None


def answer(report: Report) -> Answer:
    """The best arm in the main column against its strongest control, and its largest significant cost."""
    cells, main = report.overview.cells, report.overview.main
    scored = [] if main is None else [arm for arm in report.runs.arms if main.name in cells[arm]]
    if main is None or not scored:
        return Answer(["No benchmark has a value to compare."])
    values = {arm: cells[arm][main.name].value for arm in scored}
    arms = [arm for arm in compared_arms(report.overview, report.controls) if arm in values]
    controls = [arm for arm in report.controls if arm in values]
    if not arms or not controls:
        return Answer([_without_control(report, main, values)], max(arms or scored, key=values.__getitem__))
    best, control = max(arms, key=values.__getitem__), max(controls, key=values.__getitem__)
    gain = _gain(report, best, control, main)
    if gain is None:
        text = f"{best} and {control} have no common item of {main.title}, so their difference is not tested."
        return Answer([text], best, control)
    return Answer([_gained(report, gain), *_cost(report, best, control, main)], best, control)


def _without_control(report: Report, main: Column, values: dict[str, float]) -> str:
    best = max(values, key=values.__getitem__)
    reached = f"{best} reaches {percent(values[best])} % on {main.title}"
    if len(values) < 2:
        return f"{reached}. There is no other {_kind(report)} to compare it with."
    return f"{reached}, the highest of {len(values)}. No control was evaluated, so no difference is tested."


def _gained(report: Report, gain: Gain) -> str:
    title, control = gain.column.title, f"{gain.control}, {_strongest(report)}"
    if measured(gain) and gain.value > 0:
        return (
            f"{gain.arm} gains {percent(gain.value)} points on {title} over {control} ({evidence(gain, report.level)})."
        )
    if measured(gain):
        return (
            f"No {_kind(report)} is better on {title} than {control}: the best one, {gain.arm}, is "
            f"{percent(-gain.value)} points below it ({evidence(gain, report.level)})."
        )
    return (
        f"No {_kind(report)} has a significant gain on {title}: the best one, {gain.arm}, differs from {control}, by "
        f"{points(gain.value)} points ({evidence(gain, report.level)}). This difference is exploratory."
    )


def _cost(report: Report, arm: str, control: str, main: Column) -> list[str]:
    """The largest significant loss in the other columns."""
    columns = [column for column in report.overview.columns if column != main]
    gains = [gain for column in columns if (gain := _gain(report, arm, control, column)) is not None]
    if not gains:
        return []
    lost = [gain for gain in gains if measured(gain) and gain.value < 0]
    if not lost:
        return [f"It has no significant cost in the other {len(gains)} columns."]
    most = min(lost, key=lambda gain: gain.value)
    return [
        f"Its largest significant cost is {percent(-most.value)} points on {most.column.title} "
        f"({evidence(most, report.level)})."
    ]


def evidence(gain: Gain, level: float) -> str:
    """Interval and adjusted p of a difference; with several seeds the range of its values and the largest p."""
    known = [p for _, _, _, p in gain.by_seed.values() if p is not None]
    p = f", adjusted p {p_text(max(known))}" if known else ", not tested"
    values = [value for value, _, _, _ in gain.by_seed.values()]
    if len(values) > 1:
        return f"{len(values)} seeds, {points(min(values))} to {points(max(values))}{p}"
    _, low, high, _ = next(iter(gain.by_seed.values()))
    return f"{100 * level:g} % interval {points(low)} to {points(high)}{p}"


def _gain(report: Report, arm: str, control: str, column: Column) -> Gain | None:
    wanted = (arm, control, column.name)
    return next((gain for gain in report.gains if (gain.arm, gain.control, gain.column.name) == wanted), None)


def _strongest(report: Report) -> str:
    if not report.runs.trainings:
        return "the reference" if len(report.controls) == 1 else "the strongest reference"
    return "its control" if len(report.controls) == 1 else "its strongest control"


def _kind(report: Report) -> str:
    return "arm with hard negatives" if report.runs.trainings and BASE in report.runs.arms else "other model"
