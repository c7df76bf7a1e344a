"""Optimizer steps of a control at equal compute, from the recorded FLOPs of finished trainings."""

from pathlib import Path

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.config import Experiment
from nearmiss.stages.pretrain.config import BASE, steps_of
from nearmiss.study.folders import finished


def flops_per_step(experiment: Experiment, results: Path) -> dict[str, float]:
    """Arm -> recorded FLOPs of one optimizer step, the mean over its finished trainings; the base is left out."""
    found: dict[str, list[float]] = {}
    for arm, _, run in finished(results, experiment, "pretrain"):
        if arm != BASE and arm in experiment.arms:
            steps = steps_of(experiment.pretrain, arm, experiment.arms[arm])
            found.setdefault(arm, []).append(float(read_json(run / "cost.json")["flops"]) / steps)
    return {arm: sum(values) / len(values) for arm, values in found.items()}


def equal_steps(experiment: Experiment, results: Path, like: str) -> tuple[int, str]:
    """Steps after which `like` has cost as many FLOPs as the most expensive arm, and that arm's name.

    Raises InputError if `like` or every other arm has no finished training.
    """
    costs = flops_per_step(experiment, results)
    if like not in costs or len(costs) < 2:
        raise InputError(
            f"no finished training of '{like}'" if like not in costs else f"'{like}' is the only finished training",
            file=results / experiment.experiment / "pretrain",
            remedy="run the stage pretrain of this experiment first",
        )
    whole = {arm: cost * steps_of(experiment.pretrain, arm, experiment.arms[arm]) for arm, cost in costs.items()}
    most = max(whole, key=lambda arm: whole[arm])
    return round(whole[most] / costs[like]), most
