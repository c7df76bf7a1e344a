"""The experiment: one typed configuration, put together from the stages' own. Imports nothing heavy."""

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from nearmiss.base.errors import InputError
from nearmiss.base.typed import Typed
from nearmiss.config_text import parse_yaml, problem_of
from nearmiss.engine.objectives.spec import needs_negatives, needs_paraphrases, uses_negatives
from nearmiss.stages.compare.config import CompareConfig
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.evaluate.config import EvaluateConfig
from nearmiss.stages.finetune.config import FinetuneConfig
from nearmiss.stages.inpaint.config import InpaintConfig
from nearmiss.stages.negatives.config import NegativesConfig
from nearmiss.stages.pretrain.config import ArmConfig, PretrainConfig, default_arms
from nearmiss.stages.robustness.config import RobustnessConfig

STAGES = ("data", "negatives", "inpaint", "pretrain", "finetune", "evaluate", "robustness", "compare")


class Experiment(Typed):
    """An experiment. Defaults are the embedded world's; a file names what differs; lists and maps replace."""

    experiment: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="Name; results lie in results/<name>.")
    quick: bool = Field(False, description="Shrink everything to its smallest size and append -quick to the name.")
    seeds: list[int] = Field([0], min_length=1, description="Training seeds; a run is an arm and a seed.")
    arms: dict[str, ArmConfig] = Field(default_factory=default_arms, description="Arms; `base` must be among them.")
    data: DataConfig = Field(default_factory=DataConfig, description="Stage data.")
    negatives: NegativesConfig = Field(default_factory=NegativesConfig, description="Stage negatives.")
    inpaint: InpaintConfig = Field(default_factory=InpaintConfig, description="Stage inpaint.")
    pretrain: PretrainConfig = Field(default_factory=PretrainConfig, description="Stage pretrain.")
    finetune: FinetuneConfig = Field(default_factory=FinetuneConfig, description="Stage finetune.")
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig, description="Stage evaluate.")
    robustness: RobustnessConfig = Field(default_factory=RobustnessConfig, description="Stage robustness.")
    compare: CompareConfig = Field(default_factory=CompareConfig, description="Stage compare.")

    def methods(self) -> list[str]:
        """Names of the methods that some arm trains on, sorted."""
        return sorted({arm.method for arm in self.arms.values() if arm.method is not None})


def load(path: Path, overrides: dict[str, Any] | None = None) -> Experiment:
    """Read an experiment from YAML, put `overrides` (top-level keys) on top, and check it.

    Raises `InputError` that names the file, the key with its line, and the remedy.
    """
    values, lines = parse_yaml(Path(path))
    return resolve({**values, **(overrides or {})}, file=path, lines=lines)


def resolve(values: dict[str, Any], *, file: object = None, lines: dict[tuple, int] | None = None) -> Experiment:
    """The experiment that plain values describe: validated, shrunk where `quick` says so, cross-checked."""
    try:
        experiment = Experiment.model_validate(values)
    except ValidationError as error:
        raise problem_of(error, Experiment, file=file, lines=lines or {}) from None
    check(experiment, file=file)
    if not experiment.quick:
        return experiment
    from nearmiss.quick import shrink

    return shrink(experiment)


def check(experiment: Experiment, *, file: object = None) -> None:
    """What no single field can say of itself; an `InputError` names the key."""

    def refuse(problem: str, record: str, remedy: str) -> None:
        raise InputError(problem, file=file, record=record, remedy=remedy)

    if len(set(experiment.seeds)) < len(experiment.seeds) or min(experiment.seeds) < 0:
        refuse("seeds must be different numbers, 0 or more", "seeds", "name each seed once")
    if "base" not in experiment.arms:
        refuse("the arm 'base' is missing", "arms", "add 'base': every other arm continues from it")
    _check_base(experiment.arms["base"], refuse)
    for name, arm in experiment.arms.items():
        _check_arm(name, arm, experiment.negatives.methods, refuse)
        if needs_paraphrases(arm.objective) and not experiment.negatives.paraphrases:
            refuse(
                f"the arm '{name}' compares with paraphrases, but no operator makes any",
                "negatives.paraphrases",
                "name operators there, such as [synonym, conjunction]",
            )
    for control in experiment.compare.controls:
        if control not in experiment.arms:
            refuse(
                f"the control '{control}' is no arm of this experiment",
                "compare.controls",
                f"add the arm or name controls among: {', '.join(experiment.arms)}",
            )
    if "inpaintcoco" in experiment.evaluate.benchmarks and not experiment.inpaint.operations:
        refuse(
            "evaluate asks for benchmark 'inpaintcoco', but stage inpaint makes no pairs",
            "inpaint.operations",
            "name at least one operation, or take 'inpaintcoco' out of evaluate.benchmarks",
        )
    _check_splits(experiment, refuse)


def _check_splits(experiment: Experiment, refuse: Any) -> None:
    asked: dict[str, str] = {"evaluate": experiment.evaluate.split}
    if experiment.robustness.corruptions:
        asked["robustness"] = experiment.robustness.split
    written = experiment.data.world.benchmark.splits
    for stage, split in asked.items():
        if split not in written:
            refuse(
                f"no benchmark is written for split '{split}', which {stage} asks for",
                "data.world.benchmark.splits",
                f"add '{split}' to data.world.benchmark.splits or set {stage}.split to one of "
                f"{', '.join(written) or 'none'}",
            )
    if experiment.inpaint.operations:
        asked["inpaint"] = experiment.inpaint.split
    for stage, split in asked.items():
        if getattr(experiment.data.world.images, split) == 0:
            refuse(
                f"split '{split}', which {stage} asks for, is empty",
                f"data.world.images.{split}",
                "give the split some images",
            )


def _check_base(base: ArmConfig, refuse: Any) -> None:
    if base.method is not None or [term.term for term in base.objective] != ["contrastive"]:
        refuse(
            "the arm 'base' is plain contrastive training without negatives",
            "arms.base",
            "remove its method and leave 'contrastive' as its only term; call the other arm by another name",
        )


def _check_arm(name: str, arm: ArmConfig, methods: dict[str, Any], refuse: Any) -> None:
    if not name.replace("_", "").replace("-", "").isalnum() or name != name.lower() or not name.isascii():
        refuse(
            f"'{name}' is no name for an arm", f"arms.{name}", "use lower-case letters, digits, hyphen and underscore"
        )
    taken = {"store": "pretrain's image store", "scratch": "fine-tuning from random weights", "corrupted": "robustness"}
    if name in taken:
        refuse(f"'{name}' is the name of {taken[name]}", f"arms.{name}", "give the arm another name")
    if not arm.objective:
        refuse(f"the arm '{name}' has no loss term", f"arms.{name}.objective", "name at least one term")
    terms = [term.term for term in arm.objective]
    if len(set(terms)) < len(terms):
        refuse(f"the arm '{name}' names a loss term twice", f"arms.{name}.objective", "name each term once")
    if arm.method is not None and arm.method not in methods:
        refuse(
            f"the arm '{name}' trains on a method that is not configured: '{arm.method}'",
            f"arms.{name}.method",
            f"add it to negatives.methods or choose one of: {', '.join(methods)}",
        )
    needing = [term.term for term in arm.objective if needs_negatives(term)]
    if needing and (arm.method is None or arm.texts == 0):
        refuse(
            f"the arm '{name}' has the term '{needing[0]}' but no negatives",
            f"arms.{name}",
            "give it a method and texts of 1 or more, or take the term out",
        )
    if arm.method is not None and not any(uses_negatives(term) for term in arm.objective):
        refuse(
            f"the arm '{name}' names the method '{arm.method}' but no term of its objective uses negatives",
            f"arms.{name}.objective",
            "add a term that does, such as own_negatives, or take the method out",
        )
