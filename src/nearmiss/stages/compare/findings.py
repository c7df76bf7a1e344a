"""Figures in words, and sentences on all arms: what a control learns without negatives, what the seeds allow."""

from collections.abc import Sequence

from nearmiss.stages.compare.overview import Cell, Overview

BASE = "base"

LEARNED = 0.75
"""A skill counts as learned from here on (design section 6: "broke through 75 %")."""


def hard_negative_arms(overview: Overview, controls: Sequence[str]) -> list[str]:
    """Every arm that is neither the base nor a control."""
    return [arm for arm in overview.cells if arm != BASE and arm not in controls]


def points(share: float) -> str:
    """A difference in percentage points, with its sign."""
    return f"{100 * share:+.1f}"


def percent(share: float) -> str:
    """A share in per cent."""
    return f"{100 * share:.1f}"


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
