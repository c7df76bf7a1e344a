"""How many negatives and texts each arm trained on, and whether arms are matched in this number."""

from dataclasses import dataclass
from statistics import mean

from nearmiss.stages.compare.runs import Runs, Training

_EQUAL = 0.01  # relative difference up to which numbers count as equal (our choice)


@dataclass(frozen=True)
class Exposure:
    """Means over all images of all batches and all seeds; None if the training did not count them."""

    negatives: float | None
    texts: float | None
    """Different texts of a batch, divided by its images."""


def exposures(runs: Runs) -> dict[str, Exposure]:
    """The exposure of each trained arm."""
    return {
        arm: Exposure(_per_image(mine, "negatives"), _per_image(mine, "texts"))
        for arm in runs.arms
        if (mine := [one for one in runs.trainings if one.arm == arm])
    }


def _per_image(trainings: list[Training], counted: str) -> float | None:
    known = [one.cost for one in trainings if one.cost.get("images") and counted in one.cost]
    return mean(cost[counted] / cost["images"] for cost in known) if known else None


def exposure_text(runs: Runs) -> str:
    """The number of negatives of each arm that has any, and whether it is equal; empty for fewer than two arms."""
    found = {arm: each.negatives for arm, each in exposures(runs).items() if each.negatives}
    if len(found) < 2:
        return ""
    values = ", ".join(f"{arm} {value:.2f}" for arm, value in found.items())
    least, most = min(found.values()), max(found.values())
    matched = most - least <= _EQUAL * most
    return f"Negatives per image of a batch: {values}. " + (
        "Matched: these arms have equally many."
        if matched
        else "Not matched: differences between these arms include the number of negatives."
    )
