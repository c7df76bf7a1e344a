"""The figure of the first screen: gains by column over one control, and gain against cost."""

from statistics import mean

from matplotlib.axes import Axes

from nearmiss.base.display import single_line
from nearmiss.stages.compare import drawing
from nearmiss.stages.compare.answer import answer
from nearmiss.stages.compare.drawing import Drawn, arm_colors, tip
from nearmiss.stages.compare.findings import listed
from nearmiss.stages.compare.overview import Column, Gain, compared_arms, percent, points
from nearmiss.stages.compare.report import Report

_NAME = 24  # characters of a name beside a point
ARMS = 8
"""Arms in the figure; of more, those with the highest values in the main column."""


def shown_arms(report: Report) -> list[str]:
    """The compared arms of the figure, in the order of the report."""
    main = report.overview.main
    arms = compared_arms(report.overview, report.controls)
    if main is not None and len(arms) > ARMS:
        values = {
            arm: report.overview.cells[arm][main.name].value for arm in arms if main.name in report.overview.cells[arm]
        }
        best = sorted(values, key=lambda arm: -values[arm])[:ARMS]
        arms = [arm for arm in arms if arm in best]
    return arms


def answer_figure(report: Report) -> Drawn | None:
    """Two panels over the strongest control of the best arm; without a control, the values of the main column."""
    control, main = answer(report).control, report.overview.main
    gains = [gain for gain in report.gains if gain.control == control and gain.column in report.overview.columns]
    mine = {arm: [gain for gain in gains if gain.arm == arm] for arm in shown_arms(report)}
    mine = {arm: found for arm, found in mine.items() if found}
    if main is None:
        return None
    if control is None or not mine:
        return _values(report, main)
    columns = [column for column in report.overview.columns if any(g.column == column for g in gains)]
    costs = [column for column in columns if column.cost]
    height = max(2.9, 0.9 + 0.062 * len(columns) * (len(mine) + 1.2))
    if not costs or main in costs:
        made, left = drawing.figure(9.2, height)
        _by_column(report, left, mine, columns)
    else:
        made, (left, right) = drawing.figure(9.2, height, ncols=2, width_ratios=[1.25, 1])
        _by_column(report, left, mine, columns)
        _against_cost(report, right, [gain for gain in gains if gain.arm in {*mine, *report.controls}], costs)
    left.set_title(f"difference to {control} by column")
    palette = arm_colors(report)
    handles = [drawing.handle(palette[arm], arm) for arm in mine]
    made.legend(handles=handles, loc="outside upper center", ncols=min(len(mine), 6))
    return drawing.rendered(made, "answer")


def _by_column(report: Report, axis: Axes, mine: dict[str, list[Gain]], columns: list[Column]) -> None:
    """One row per column, one mark per arm, with its interval, or every seed."""
    palette, step = arm_colors(report), 0.78 / max(len(mine), 1)
    axis.axvline(0, color="#808080", linewidth=1)
    for place, (arm, gains) in enumerate(mine.items()):
        for gain in gains:
            y = columns.index(gain.column) + (place - (len(mine) - 1) / 2) * step
            seeds = list(gain.by_seed.values())
            if len(seeds) == 1:
                axis.plot([100 * seeds[0][1], 100 * seeds[0][2]], [y, y], color=palette[arm], linewidth=1.8, alpha=0.7)
            else:
                axis.plot([100 * value[0] for value in seeds], [y] * len(seeds), ".", color=palette[arm], alpha=0.6)
            text = f"{arm}, {gain.column.title}: {points(gain.value)} points over {gain.control}"
            axis.plot([100 * gain.value], [y], "o", color=palette[arm], markersize=4.5, gid=tip(text))
    axis.set_xlabel("points (right is better)")
    axis.grid(axis="x")
    axis.set_yticks(range(len(columns)), [column.title for column in columns])
    axis.set_ylim(len(columns) - 0.5, -0.5)


def _against_cost(report: Report, axis: Axes, gains: list[Gain], costs: list[Column]) -> None:
    """Gain in the main column over the mean difference in the columns of costs; the line ends at its extremes."""
    palette, main = arm_colors(report), report.overview.main
    assert main is not None
    axis.axvline(0, color="#808080", linewidth=1)
    axis.axhline(0, color="#808080", linewidth=1)
    at: dict[str, tuple[float, float]] = {gains[0].control: (0.0, 0.0)}
    for arm in dict.fromkeys(gain.arm for gain in gains):
        own = [gain for gain in gains if gain.arm == arm]
        paid = [100 * gain.value for gain in own if gain.column in costs]
        gained = next((gain for gain in own if gain.column == main), None)
        if gained is None or len(paid) < len(costs):
            continue
        spans = list(gained.by_seed.values())
        low, high = (
            (spans[0][1], spans[0][2]) if len(spans) == 1 else (min(s[0] for s in spans), max(s[0] for s in spans))
        )
        x, y = mean(paid), 100 * gained.value
        at[arm] = (x, y)
        axis.plot([min(paid), max(paid)], [y, y], color=palette[arm], linewidth=1.2, alpha=0.5)
        axis.plot([x, x], [100 * low, 100 * high], color=palette[arm], linewidth=1.8, alpha=0.7)
    front = _front(at)
    axis.plot(*zip(*[at[arm] for arm in front], strict=True), color="#808080", linewidth=1, linestyle="--", zorder=1)
    for arm, (x, y) in at.items():
        text = (
            f"{arm}: {points(y / 100)} points in {main.title}, mean {points(x / 100)} in {len(costs)} columns of costs"
        )
        axis.plot([x], [y], "o", color=palette[arm], markersize=6, gid=tip(text))
    axis.set_title("gain against cost")
    benchmarks = list(dict.fromkeys(column.benchmark for column in costs))
    axis.set_xlabel(f"mean points in {listed(benchmarks)}" if len(costs) > 1 else f"points in {costs[0].title}")
    axis.set_ylabel(f"points in {main.title}")
    axis.margins(x=0.22, y=0.12)
    axis.grid()
    _label(axis, at)


def _label(axis: Axes, at: dict[str, tuple[float, float]]) -> None:
    """The names of the arms right of their points, moved up where two of them would overlap."""
    (left, right), (low, high) = axis.get_xlim(), axis.get_ylim()
    wide, tall = 0.4 * (right - left), 0.055 * (high - low)  # of a name
    placed: list[tuple[float, float]] = []
    for arm, (x, y) in sorted(at.items(), key=lambda pair: (pair[1][1], pair[0])):
        free = y
        for u, v in placed:
            if abs(u - x) < wide and free < v + tall:
                free = v + tall
        placed.append((x, free))
        name = single_line(arm)
        name = name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
        axis.annotate(name, (x, free), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8.5)


def _front(at: dict[str, tuple[float, float]]) -> list[str]:
    """The arms that no other arm beats in both directions, from left to right."""
    kept = [
        arm for arm, (x, y) in at.items() if not any(u >= x and v >= y and (u, v) != (x, y) for u, v in at.values())
    ]
    return sorted(kept, key=lambda arm: at[arm])


def _values(report: Report, main: Column) -> Drawn | None:
    """The value of every arm in the main column, with its interval or every seed."""
    cells = {arm: row[main.name] for arm, row in report.overview.cells.items() if main.name in row}
    if not cells:
        return None
    cells = dict(sorted(cells.items(), key=lambda pair: -pair[1].value)[: 2 * ARMS])
    palette = arm_colors(report)
    made, axis = drawing.figure(9.2, 0.9 + 0.28 * len(cells))
    for y, (arm, cell) in enumerate(cells.items()):
        if cell.low is not None and cell.high is not None:
            axis.plot([100 * cell.low, 100 * cell.high], [y, y], color=palette[arm], linewidth=1.8, alpha=0.7)
        else:
            axis.plot([100 * v for v in cell.by_seed.values()], [y] * len(cell.by_seed), ".", color=palette[arm])
        axis.plot([100 * cell.value], [y], "o", color=palette[arm], gid=tip(f"{arm}: {percent(cell.value)} %"))
    if (chance := report.overview.chance[main.name]) is not None:
        axis.axvline(100 * chance, color="#808080", linewidth=1, linestyle=":")
    axis.set_yticks(range(len(cells)), [single_line(arm) for arm in cells])
    axis.set_ylim(len(cells) - 0.5, -0.5)
    axis.set_xlabel(f"{main.title} (%); dotted: chance")
    axis.grid(axis="x")
    return drawing.rendered(made, "answer")
