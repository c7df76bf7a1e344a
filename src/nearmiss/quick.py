"""The smallest experiment that is still real: what `quick: true` makes of a configuration."""

from typing import TypeVar

from nearmiss.base.typed import Typed
from nearmiss.config import Experiment

# The arms that stay, of those that are configured: both controls and one method (our choice).
ARMS = ("base", "clip", "random", "hnc")

Section = TypeVar("Section", bound=Typed)


def _at_most(section: Section, **limits: int) -> Section:
    """The section with each named number cut to its limit; smaller numbers stay."""
    return section.model_copy(update={name: min(getattr(section, name), most) for name, most in limits.items()})


def shrink(experiment: Experiment) -> Experiment:
    """The experiment at its smallest size: fewer arms, images, items and steps, one seed, and a name of its own."""
    arms = {name: arm for name, arm in experiment.arms.items() if name in ARMS}
    if len(arms) < 2:  # none of its arms has a name we know
        arms = experiment.arms
    world = experiment.data.world
    smaller = world.model_copy(
        update={
            "images": _at_most(world.images, train=1500, val=100, test=100, final=100),
            "benchmark": _at_most(world.benchmark, iid=40, other=20),
        }
    )
    pretrain = experiment.pretrain
    controls = [name for name in experiment.compare.controls if name in arms]
    return experiment.model_copy(
        update={
            "experiment": f"{experiment.experiment}-quick",
            "seeds": experiment.seeds[:1],
            "arms": arms,
            "data": experiment.data.model_copy(update={"world": smaller}),
            "pretrain": _at_most(pretrain, warmup=25).model_copy(
                update={
                    "base": _at_most(pretrain.base, steps=250),
                    "continued": _at_most(pretrain.continued, steps=250),
                }
            ),
            "evaluate": _at_most(experiment.evaluate, resamples=200),
            "compare": _at_most(experiment.compare, resamples=200).model_copy(update={"controls": controls}),
        }
    )
