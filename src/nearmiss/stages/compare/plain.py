"""In plain words: what each arm with hard negatives gained, what it cost, whether it transferred, what noise left.

Every sentence follows from figures alone. Where an interval holds 0 it says "no measurable difference", whatever the
figure is; with several seeds a difference counts as measured where every seed's interval lies on the same side of 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nearmiss.stages.compare.findings import BASE, hard_negative_arms, percent, points
from nearmiss.stages.compare.noise import Noise, name_of
from nearmiss.stages.compare.overview import MAIN, Column, Gain
from nearmiss.stages.compare.report import Report
from nearmiss.stages.compare.transfer import largest_share, share_text


@dataclass(frozen=True)
class Voice:
    """How much is said: a column's name, and what stands beside a difference (its interval, or nothing)."""

    title: Callable[[Column], str]
    beside: Callable[[Gain], str]

    def over(self, gain: Gain) -> str:
        """One difference and the control that it is a difference to."""
        if measured(gain):
            said = f"{points(gain.value)} points over" if gain.value >= 0 else f"{percent(-gain.value)} points under"
            return f"{said} {gain.control}{self.beside(gain)}"
        figure = f" ({points(gain.value)}{self.beside(gain)})" if self.beside(gain) else ""
        return f"no measurable difference to {gain.control}{figure}"


@dataclass(frozen=True)
class Words:
    """The sentences on one arm, each under a word of its own ("gained", "cost", ...)."""

    arm: str
    lines: list[tuple[str, str]]


def measured(gain: Gain) -> bool:
    """Whether every seed's interval lies on the same side of 0."""
    spans = [(low, high) for _, low, high, _ in gain.by_seed.values()]
    return all(low > 0 for low, _ in spans) or all(high < 0 for _, high in spans)


def interval_text(gain: Gain) -> str:
    """A difference's interval, or with several seeds every seed's figure."""
    if len(gain.by_seed) == 1:
        _, low, high, _ = next(iter(gain.by_seed.values()))
        return f" [{points(low)}, {points(high)}]"
    return f" [seeds: {', '.join(points(value[0]) for value in gain.by_seed.values())}]"


FULL = Voice(lambda column: column.title, interval_text)
"""The page's voice."""


def words(report: Report, shown: Noise, voice: Voice) -> list[Words]:
    """The sentences on every arm with hard negatives; a sentence for which nothing was measured is left out."""
    found = []
    for arm in hard_negative_arms(report.overview, report.controls):
        lines = [
            ("gained", _gained(report, arm, voice)),
            ("cost", _cost(report, arm, voice)),
            ("transfer", _transferred(report, arm, voice)),
            ("noise", _noise(shown, arm)),
        ]
        found.append(Words(arm, [(label, text) for label, text in lines if text]))
    return found


def best_text(report: Report) -> str:
    """Which arm with hard negatives is best at the main column, and what base and controls reach there."""
    cells = report.overview.cells
    arms = [arm for arm in hard_negative_arms(report.overview, report.controls) if MAIN.name in cells[arm]]
    if not arms:
        return ""
    best = max(arms, key=lambda arm: cells[arm][MAIN.name].value)
    others = [arm for arm in (BASE, *report.controls) if MAIN.name in cells.get(arm, {})]
    beside = ", ".join(f"{arm} {percent(cells[arm][MAIN.name].value)} %" for arm in others)
    return f"Best at {MAIN.title}: {best}, {percent(cells[best][MAIN.name].value)} %" + (
        f" ({beside})." if beside else "."
    )


def _gained(report: Report, arm: str, voice: Voice) -> str:
    gains = [_gain(report, arm, control, MAIN) for control in report.controls]
    told = [voice.over(gain) for gain in gains if gain is not None]
    more = [gain for gain in _against_first(report, arm, cost=False) if measured(gain) and gain.value > 0]
    if told and more:
        told.append(f"over {report.controls[0]} also on {_listed([_figure(gain, voice) for gain in more])}")
    return f"on {MAIN.title}, {'; '.join(told)}." if told else ""


def _cost(report: Report, arm: str, voice: Voice) -> str:
    """Against the first control, which went on from the same base without negatives: retrieval and zero-shot, whatever
    they are, and every other concept on which the arm is worse."""
    general = _against_first(report, arm, cost=True)
    lost = [gain for gain in general if measured(gain) and gain.value < 0]
    won = [gain for gain in general if measured(gain) and gain.value >= 0]
    level = [gain for gain in general if not measured(gain)]
    lost += [gain for gain in _against_first(report, arm, cost=False) if measured(gain) and gain.value < 0]
    told = [_figure(gain, voice) for gain in lost]
    if level:
        told.append(f"no measurable difference in {_listed([voice.title(gain.column) for gain in level])}")
    if won:
        told.append(f"better in {_listed([_figure(gain, voice) for gain in won])}")
    return f"{'' if lost else 'none '}against {report.controls[0]}, {'; '.join(told)}." if told else ""


def _against_first(report: Report, arm: str, *, cost: bool) -> list[Gain]:
    """The arm's differences to the first control in the cost columns, or in the concepts beside the main one."""
    columns = [column for column in report.overview.columns if column.cost is cost and column != MAIN]
    gains = [_gain(report, arm, control, column) for control in report.controls[:1] for column in columns]
    return [gain for gain in gains if gain is not None]


def _figure(gain: Gain, voice: Voice) -> str:
    return f"{voice.title(gain.column)} {points(gain.value)}{voice.beside(gain)}"


def _transferred(report: Report, arm: str, voice: Voice) -> str:
    """VSR with all labels against the first control."""
    if not report.transfer.columns or not report.controls:
        return ""
    largest, control = largest_share(report.transfer), report.controls[0]
    where = {"task": "vsr", "share": largest, "condition": "iid"}
    column = next((c for c in report.transfer.columns if where.items() <= c.where.items()), None)
    gain = None if column is None else _gain(report, arm, control, column)
    return "" if gain is None else f"VSR with {share_text(largest)}, {voice.over(gain)}."


def _noise(shown: Noise, arm: str) -> str:
    """The range over corruptions of what is retained of the main column; else of the first concept that has it."""
    severity = shown.severity()
    if severity is None or arm not in shown.arms:
        return ""
    ranges = {concept.name: _retained(shown, arm, concept, severity) for concept in shown.concepts}
    asked = next((concept for concept in shown.concepts if ranges[concept.name]), None)
    if asked is None:
        return "every concept is too near chance without noise to say what noise leaves."
    (least, low), (most, high) = min(ranges[asked.name]), max(ranges[asked.name])
    span = f"{100 * least:.0f}\N{NO-BREAK SPACE}% ({name_of(low)})"
    if low != high:
        span += f" to {100 * most:.0f}\N{NO-BREAK SPACE}% ({name_of(high)})"
    if asked == MAIN:
        return f"severity {severity} leaves {span} of {asked.title} above chance."
    return f"{MAIN.title} is too near chance to ask; of {asked.title} severity {severity} leaves {span}."


def _retained(shown: Noise, arm: str, concept: Column, severity: int) -> list[tuple[float, str]]:
    cells = [(name, shown.of(arm, concept, name, severity, "retained")) for name in shown.corruptions]
    return [(found.value, name) for name, found in cells if found is not None]


def _gain(report: Report, arm: str, control: str, column: Column) -> Gain | None:
    wanted = (arm, control, column.name)
    return next((gain for gain in report.gains if (gain.arm, gain.control, gain.column.name) == wanted), None)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
