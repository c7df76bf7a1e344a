"""Sentences that follow from the figures: what was gained, what it cost, what a control learns without negatives."""

from collections.abc import Sequence
from dataclasses import dataclass

from nearmiss.stages.compare.overview import MAIN, Cell, Gain, Overview

BASE = "base"

LEARNED = 0.75
"""A skill counts as learned from here on (design section 6: "broke through 75 %")."""


@dataclass(frozen=True)
class Headline:
    """The main claim's figures: the best arm with hard negatives, and its gains over each control."""

    arm: str
    gains: list[Gain]


def hard_negative_arms(overview: Overview, controls: Sequence[str]) -> list[str]:
    """Every arm that is neither the base nor a control."""
    return [arm for arm in overview.cells if arm != BASE and arm not in controls]


def headline(overview: Overview, gains: Sequence[Gain], controls: Sequence[str]) -> Headline | None:
    """The arm with hard negatives that is best at the main column (median over seeds; first of equals)."""
    arms = [arm for arm in hard_negative_arms(overview, controls) if MAIN.name in overview.cells[arm]]
    if not arms:
        return None
    best = max(arms, key=lambda arm: overview.cells[arm][MAIN.name].value)
    return Headline(best, [gain for gain in gains if gain.arm == best and gain.column == MAIN])


def points(share: float) -> str:
    """A difference in percentage points, with its sign."""
    return f"{100 * share:+.1f}"


def percent(share: float) -> str:
    """A share in per cent."""
    return f"{100 * share:.1f}"


def gain_text(gain: Gain) -> str:
    """One gain in words: with one seed its interval and p, with several every seed's value."""
    against = f"{gain.arm} over {gain.control}: {points(gain.value)} points"
    if len(gain.by_seed) == 1:
        _, low, high, p = next(iter(gain.by_seed.values()))
        return f"{against} [{points(low)}, {points(high)}]" + ("" if p is None else f", p {p_text(p)}")
    values = ", ".join(f"{points(value[0])} (seed {seed})" for seed, value in gain.by_seed.items())
    return f"{against} (median of {values})"


def p_text(p: float) -> str:
    """p as people write it."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def learned_by_controls(overview: Overview, controls: Sequence[str]) -> list[str]:
    """Sentences on skills that a control has without any hard negative; nothing is left to gain there."""
    sentences = []
    for control in controls:
        cells = overview.cells.get(control, {})
        learned = [
            f"{column.title} ({percent(cells[column.name].value)} %)"
            for column in overview.columns
            if not column.cost and column.name in cells and _learned(cells[column.name])
        ]
        if learned:
            sentences.append(f"{control} learns by itself: {', '.join(learned)}.")
    return sentences


def seeds_text(seeds: Sequence[int]) -> str:
    """What the number of seeds allows one to say."""
    if len(seeds) == 1:
        return (
            "One training seed illustrates and does not prove: intervals cover the choice of items, not training. "
            "Another seed may learn, or fail to learn, what this one did not."
        )
    return (
        f"{len(seeds)} training seeds ({', '.join(map(str, seeds))}): figures are medians over seeds, and every seed's "
        "own figure stands beside them. Intervals of a single run cover the choice of items, not training."
    )


def _learned(cell: Cell) -> bool:
    low = cell.low if cell.low is not None else min(cell.by_seed.values())
    return cell.value >= LEARNED and low > 0.5
