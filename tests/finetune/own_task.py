"""A task of the tests that always predicts the first class."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from nearmiss.base.typed import Typed
from nearmiss.stages.finetune.config import FinetuneConfig, ProbeConfig, VsrConfig
from nearmiss.stages.finetune.task import Given, Solved, Task, TaskPredictions


class TintConfig(Typed):
    """Options of task tint: none."""

    task: Literal["tint"] = "tint"


class Config(FinetuneConfig):
    """The stage's configuration with one task more."""

    tasks: list[Annotated[VsrConfig | ProbeConfig | TintConfig, Field(discriminator="task")]]


def solve(given: Given, options: TintConfig) -> Solved:
    """The first class, for sure."""
    number = given.examples.of("test").height
    answers = TaskPredictions(np.zeros(number, dtype=np.int64), np.ones(number))
    return Solved({share: answers for share in given.shares})


TASK = Task(name="tint", solve=solve)
