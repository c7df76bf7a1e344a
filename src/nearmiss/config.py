"""The experiment: one typed configuration, put together from the stages' own. Imports nothing heavy."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from nearmiss.base.errors import InputError
from nearmiss.base.typed import Typed
from nearmiss.stages.compare.config import CompareConfig
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.evaluate.config import EvaluateConfig
from nearmiss.stages.negatives.config import NegativesConfig
from nearmiss.stages.pretrain.config import ArmConfig, PretrainConfig, default_arms

STAGES = ("data", "negatives", "pretrain", "evaluate", "compare")


class Experiment(Typed):
    """An experiment. Defaults are the embedded world's; a file names what differs; lists and maps replace."""

    experiment: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]*$", description="Name; results lie in results/<name>."
    )
    quick: bool = Field(
        False, description="Shrink everything to its smallest size and append -quick to the name."
    )
    seeds: list[int] = Field([0], min_length=1, description="Training seeds; a run is an arm and a seed.")
    arms: dict[str, ArmConfig] = Field(
        default_factory=default_arms, description="Arms; `base` must be among them."
    )
    data: DataConfig = Field(default_factory=DataConfig, description="Stage data.")
    negatives: NegativesConfig = Field(default_factory=NegativesConfig, description="Stage negatives.")
    pretrain: PretrainConfig = Field(default_factory=PretrainConfig, description="Stage pretrain.")
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig, description="Stage evaluate.")
    compare: CompareConfig = Field(default_factory=CompareConfig, description="Stage compare.")
