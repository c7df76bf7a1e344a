"""The smallest experiment that is still real: what `quick: true` makes of a configuration."""

from typing import TypeVar

from nearmiss.base.typed import Typed
from nearmiss.config import Experiment
from nearmiss.stages.finetune.spec import VsrConfig

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
            "tasks": world.tasks.model_copy(
                update={
                    "vsr": _at_most(world.tasks.vsr, train=300, dev=60, test=120, held_out=60),
                    "shapes": _at_most(world.tasks.shapes, train=300, dev=60, test=120, held_out=60),
                }
            ),
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
            "pretrain": _at_most(pretrain, warmup_steps=25).model_copy(
                update={
                    "base": _at_most(pretrain.base, steps=250, cooldown_steps=50),
                    "continued": _at_most(pretrain.continued, steps=250, cooldown_steps=50),
                }
            ),
            "inpaint": experiment.inpaint.model_copy(
                update={"operations": [_at_most(one, pairs=8) for one in experiment.inpaint.operations]}
            ),
            "finetune": _at_most(experiment.finetune, resamples=200).model_copy(
                update={
                    "tasks": [
                        _at_most(task, steps=60) if isinstance(task, VsrConfig) else task
                        for task in experiment.finetune.tasks
                    ]
                }
            ),
            "evaluate": _at_most(experiment.evaluate, resamples=200),
            "robustness": _at_most(experiment.robustness, items=10, resamples=100),
            "compare": _at_most(experiment.compare, resamples=200).model_copy(update={"controls": controls}),
        }
    )
