"""The smallest experiment that is still real: what `quick: true` makes of a configuration."""

from nearmiss.base.typed import at_most
from nearmiss.config import Experiment
from nearmiss.stages.finetune.spec import VsrConfig

# The arms that stay, of those that are configured: both controls and one method (our choice).
ARMS = ("base", "clip", "random", "hnc")


def shrink(experiment: Experiment) -> Experiment:
    """The experiment at its smallest size: fewer arms, images, items and steps, one seed, and a name of its own."""
    arms = {name: arm for name, arm in experiment.arms.items() if name in ARMS}
    if len(arms) < 2:  # none of its arms has a name we know
        arms = experiment.arms
    pretrain = experiment.pretrain
    controls = [name for name in experiment.compare.controls if name in arms]
    return experiment.model_copy(
        update={
            "experiment": f"{experiment.experiment}-quick",
            "seeds": experiment.seeds[:1],
            "arms": arms,
            "data": experiment.data.model_copy(update={"source": experiment.data.source.smaller()}),
            "pretrain": at_most(pretrain, warmup=25).model_copy(
                update={
                    "base": at_most(pretrain.base, steps=250, cooldown=50),
                    "continued": at_most(pretrain.continued, steps=250, cooldown=50),
                }
            ),
            "inpaint": experiment.inpaint.model_copy(
                update={"operations": [at_most(one, pairs=8) for one in experiment.inpaint.operations]}
            ),
            "finetune": at_most(experiment.finetune, resamples=200).model_copy(
                update={
                    "tasks": [
                        at_most(task, steps=60) if isinstance(task, VsrConfig) else task
                        for task in experiment.finetune.tasks
                    ]
                }
            ),
            "evaluate": at_most(experiment.evaluate, resamples=200),
            "robustness": at_most(experiment.robustness, items=10, resamples=100),
            "compare": at_most(experiment.compare, resamples=200).model_copy(update={"controls": controls}),
        }
    )
