"""Findings as sentences: gains and losses of each arm, transfer, robustness, and limits of the number of seeds.

Every sentence is generated from values. A difference is stated only if it is measurable: its interval does not contain
0 and, where it is tested, its Holm-adjusted p is below 0.05, in every seed and with the same sign. Otherwise the text
is "no measurable difference", whatever the value is.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from nearmiss.engine.scoring.statistics import ALPHA
from nearmiss.stages.compare.finetune import largest_share, share_text
from nearmiss.stages.compare.groups import group_text
from nearmiss.stages.compare.overview import BASE, Cell, Column, Gain, Overview, compared_arms, percent, points
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.robustness import RETAINED, Robustness, name_of

SOLVED = 0.75
"""Accuracy from which a control solves a concept (our choice)."""


LABELS = ("gained", "cost", "wording", "transfer", "robustness")
"""The labels of an arm's sentences."""


@dataclass(frozen=True)
class Style:
    """Style of the sentences: names of columns, and the text after a difference (its interval, or nothing)."""

    title: Callable[[Column], str]
    suffix: Callable[[Gain], str]

    def over(self, gain: Gain) -> str:
        """One difference and its control."""
        if measured(gain):
            text = f"{points(gain.value)} points over" if gain.value >= 0 else f"{percent(-gain.value)} points under"
            return f"{text} {gain.control}{self.suffix(gain)}"
        value = f" ({points(gain.value)}{self.suffix(gain)})" if self.suffix(gain) else ""
        return f"no measurable difference to {gain.control}{value}"


@dataclass(frozen=True)
class Findings:
    """The sentences on one arm by label ("gained", "cost", ...)."""

    arm: str
    lines: list[tuple[str, str]]

    def text(self, label: str) -> str:
        """The sentence of a label; empty if there is none."""
        return dict(self.lines).get(label, "")


def measured(gain: Gain) -> bool:
    """Whether every seed's interval is on the same side of 0, and every test significant."""
    spans = [(low, high) for _, low, high, _ in gain.by_seed.values()]
    if any(p is not None and p >= ALPHA for _, _, _, p in gain.by_seed.values()):
        return False
    return all(low > 0 for low, _ in spans) or all(high < 0 for _, high in spans)


def interval_text(gain: Gain) -> str:
    """The interval of a difference, or with several seeds the value of each seed."""
    if len(gain.by_seed) == 1:
        _, low, high, _ = next(iter(gain.by_seed.values()))
        return f" [{points(low)}, {points(high)}]"
    return f" [seeds: {', '.join(points(value[0]) for value in gain.by_seed.values())}]"


FULL = Style(lambda column: column.title, interval_text)
"""The page's style."""


def findings(report: Report, shown: Robustness, style: Style) -> list[Findings]:
    """The sentences on every compared arm; sentences without a measured value are omitted."""
    found = []
    for arm in compared_arms(report.overview, report.controls):
        texts = (
            _gained(report, arm, style),
            _cost(report, arm, style),
            _by_group(report, arm),
            _transferred(report, arm, style),
            _robustness(report, shown, arm),
        )
        lines = list(zip(LABELS, texts, strict=True))
        if any(text for _, text in lines):
            found.append(Findings(arm, [(label, text) for label, text in lines if text]))
    return found


def best_text(report: Report) -> str:
    """The best arm in the main column, and the values of base and controls.

    In an experiment, base and controls are not candidates; otherwise all models are.
    """
    cells, main = report.overview.cells, report.overview.main
    if main is None:
        return ""
    arms_of_report = compared_arms(report.overview, report.controls) if report.runs.trainings else report.runs.arms
    arms = [arm for arm in arms_of_report if main.name in cells[arm]]
    if len(report.runs.arms) < 2 or not arms:
        return ""
    best = max(arms, key=lambda arm: cells[arm][main.name].value)
    others = (BASE, *report.controls) if report.runs.trainings else report.runs.arms
    others = [arm for arm in dict.fromkeys(others) if arm != best and main.name in cells.get(arm, {})]
    others_text = ", ".join(f"{arm} {percent(cells[arm][main.name].value)} %" for arm in others)
    return f"Highest on {main.title}: {best}, {percent(cells[best][main.name].value)} %" + (
        f" ({others_text})." if others_text else "."
    )


def _gained(report: Report, arm: str, style: Style) -> str:
    main = report.overview.main
    gains = [_gain(report, arm, control, main) for control in report.controls]
    parts = [style.over(gain) for gain in gains if gain is not None]
    more = [gain for gain in _against_first(report, arm, cost=False) if measured(gain) and gain.value > 0]
    if parts and more:
        parts.append(f"over {report.controls[0]} also on {listed([_value(gain, style) for gain in more])}")
    return f"on {main.title}, {'; '.join(parts)}." if parts and main is not None else ""


def _cost(report: Report, arm: str, style: Style) -> str:
    """Against the first control: the columns that show a cost, and every other one in which the arm is worse."""
    general = _against_first(report, arm, cost=True)
    lost = [gain for gain in general if measured(gain) and gain.value < 0]
    won = [gain for gain in general if measured(gain) and gain.value >= 0]
    level = [gain for gain in general if not measured(gain)]
    lost += [gain for gain in _against_first(report, arm, cost=False) if measured(gain) and gain.value < 0]
    parts = [_value(gain, style) for gain in lost]
    if level:
        parts.append(f"no measurable difference in {listed([style.title(gain.column) for gain in level])}")
    if won:
        parts.append(f"better in {listed([_value(gain, style) for gain in won])}")
    return f"{'' if lost else 'none '}against {report.controls[0]}, {'; '.join(parts)}." if parts else ""


def _by_group(report: Report, arm: str) -> str:
    """The arm's values in the first groups of items."""
    first = next((each for each in report.groups if each.by not in ("concept", "task")), None)
    return "" if first is None else group_text(first, arm)


def _against_first(report: Report, arm: str, *, cost: bool) -> list[Gain]:
    """Differences of the arm to the first control: in the cost columns, or in the others except the main one."""
    main = report.overview.main
    columns = [column for column in report.overview.columns if column.cost is cost and column != main]
    gains = [_gain(report, arm, control, column) for control in report.controls[:1] for column in columns]
    return [gain for gain in gains if gain is not None]


def _value(gain: Gain, style: Style) -> str:
    return f"{style.title(gain.column)} {points(gain.value)}{style.suffix(gain)}"


def _transferred(report: Report, arm: str, style: Style) -> str:
    """The first downstream task with most labels, in its first condition, against the first control."""
    if not report.finetuned.columns or not report.controls:
        return ""
    largest, control = largest_share(report.finetuned), report.controls[0]
    column = next(column for column in report.finetuned.columns if column.where["share"] == largest)
    gain = _gain(report, arm, control, column)
    return "" if gain is None else f"{column.short} with {share_text(largest)}, {style.over(gain)}."


def _robustness(report: Report, shown: Robustness, arm: str) -> str:
    """The range over corruptions of the share retained in the main column, else in the first column that has it."""
    severity, main = shown.severity(), report.overview.main
    if severity is None or main is None or arm not in shown.arms:
        return ""
    ranges = {column.name: _retained(shown, arm, column, severity) for column in shown.columns}
    shown_column = next((column for column in shown.columns if ranges[column.name]), None)
    if shown_column is None:
        return "without corruption every concept is too close to chance for the share retained."
    (least, low), (most, high) = min(ranges[shown_column.name]), max(ranges[shown_column.name])
    span = f"{100 * least:.0f}\N{NO-BREAK SPACE}% ({name_of(low)})"
    if low != high:
        span += f" to {100 * most:.0f}\N{NO-BREAK SPACE}% ({name_of(high)})"
    if shown_column == main:
        return f"at severity {severity}, {shown_column.title} retains {span} of its value above chance."
    return f"{main.title} is too close to chance; at severity {severity}, {shown_column.title} retains {span}."


def _retained(shown: Robustness, arm: str, column: Column, severity: int) -> list[tuple[float, str]]:
    cells = [(name, shown.of(arm, column, name, severity, RETAINED)) for name in shown.corruptions]
    return [(found.value, name) for name, found in cells if found is not None]


def _gain(report: Report, arm: str, control: str, column: Column | None) -> Gain | None:
    wanted = (arm, control, None if column is None else column.name)
    return next((gain for gain in report.gains if (gain.arm, gain.control, gain.column.name) == wanted), None)


def listed(names: Sequence[str]) -> str:
    """Names as a list in a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def solved_by_controls(shown: Overview, controls: Sequence[str]) -> list[str]:
    """Sentences on concepts that controls solve without hard negatives, one for each set of controls."""
    titles: dict[tuple[str, ...], list[str]] = {}
    for column in (each for each in shown.columns if not each.cost):
        cells = {control: shown.cells.get(control, {}).get(column.name) for control in controls}
        baseline = _baseline(shown, column)
        values = {
            control: cell.value for control, cell in cells.items() if cell is not None and _solved(cell, baseline)
        }
        if values:
            titles.setdefault(tuple(values), []).append(f"{column.title} ({_from_to(values.values())} %)")
    sentences = []
    for solving, solved in titles.items():
        verb = "solves" if len(solving) == 1 else "solve"
        sentences.append(f"{listed(solving)} already {verb} {', '.join(solved)}.")
    return sentences


def _from_to(values: Collection[float]) -> str:
    lowest, highest = percent(min(values)), percent(max(values))
    return lowest if lowest == highest else f"{lowest} to {highest}"


def _solved(cell: Cell, baseline: float) -> bool:
    low = cell.low if cell.low is not None else min(cell.by_seed.values())
    return cell.value >= SOLVED and low > baseline


def _baseline(shown: Overview, column: Column) -> float:
    """The value without images: the maximum of the best blind baseline and chance."""
    return max(shown.chance[column.name] or 0.0, shown.blind[column.name] or 0.0)


def seeds_text(report: Report) -> str:
    """The sentence on the number of seeds."""
    seeds = report.runs.seeds
    if len(seeds) == 1 and not report.runs.trainings:
        return (
            "One checkpoint of each model: intervals cover the sampling of items, not training. They do not apply to "
            "other training seeds."
        )
    if len(seeds) == 1:
        return (
            "One training seed is not evidence for an effect: intervals cover the sampling of items, not training. "
            "Results of other seeds may differ."
        )
    return (
        f"{len(seeds)} training seeds ({', '.join(map(str, seeds))}): values are medians over seeds, shown with the "
        "value of each seed. Intervals of a single run cover the sampling of items, not training."
    )


def incomplete_text(report: Report) -> str:
    """Sentence on the benchmarks that a run did not score completely; empty if all are complete."""
    marked = [column.benchmark for column in report.overview.columns if column.name in report.overview.incomplete]
    names = dict.fromkeys([*marked, *report.runs.incomplete()])
    if not names:
        return ""
    return f"* Incomplete, because images, files or records are missing: {', '.join(names)}."
