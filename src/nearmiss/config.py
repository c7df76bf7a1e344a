"""The experiment: one typed configuration, put together from the stages' own. Imports nothing heavy."""

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from nearmiss.base.errors import InputError
from nearmiss.base.typed import Seed, Typed
from nearmiss.config_text import dotted, line_of, near, problem_of, shortened
from nearmiss.config_yaml import Lines, parse_yaml
from nearmiss.engine.objectives.spec import needs_negatives, needs_paraphrases, uses_negatives
from nearmiss.names import LONGEST, PATTERN, problem_of_name
from nearmiss.overlay import QUICK, overlaid
from nearmiss.stages.compare.config import CompareConfig
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.evaluate.config import EvaluateConfig
from nearmiss.stages.finetune.config import FinetuneConfig
from nearmiss.stages.inpaint.config import InpaintConfig
from nearmiss.stages.negatives.config import NegativesConfig
from nearmiss.stages.pretrain.config import (
    ArmConfig,
    PretrainConfig,
    arm_with_defaults,
    default_arms,
    with_defaults,
)
from nearmiss.stages.robustness.config import RobustnessConfig

STAGES = ("data", "negatives", "inpaint", "pretrain", "finetune", "evaluate", "robustness", "compare")


class Experiment(Typed):
    """An experiment. Defaults are the embedded world's; a file names what differs; lists and maps replace."""

    experiment: str = Field(
        description="Name; results lie in results/<name>.",
        json_schema_extra={"pattern": PATTERN, "maxLength": LONGEST},  # checked by names.py, for editors here
    )
    quick: bool = Field(False, description="Lay `quick_overlay` on top and append -quick to the name.")
    quick_overlay: dict[str, Any] = Field(
        QUICK,
        description="What makes the experiment small: a number is an upper bound, or how many entries of a list stay; "
        "a list of names says which entries stay.",
    )
    seeds: list[Seed] = Field([0], min_length=1, description="Training seeds; a run is an arm and a seed.")
    arms: dict[str, ArmConfig] = Field(default_factory=default_arms, description="Arms; `base` must be among them.")
    data: DataConfig = Field(default_factory=DataConfig, description="Stage data.")
    negatives: NegativesConfig = Field(default_factory=NegativesConfig, description="Stage negatives.")
    inpaint: InpaintConfig = Field(default_factory=InpaintConfig, description="Stage inpaint.")
    pretrain: PretrainConfig = Field(default_factory=PretrainConfig, description="Stage pretrain.")
    finetune: FinetuneConfig = Field(default_factory=FinetuneConfig, description="Stage finetune.")
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig, description="Stage evaluate.")
    robustness: RobustnessConfig = Field(default_factory=RobustnessConfig, description="Stage robustness.")
    compare: CompareConfig = Field(default_factory=CompareConfig, description="Stage compare.")

    @model_validator(mode="after")
    def _default_arms_are_those_of_the_model(self) -> "Experiment":
        """Default arms leave their learning rates to a model of open_clip's."""
        if "arms" not in self.model_fields_set:
            self.__dict__["arms"] = default_arms(self.pretrain.model)
        return self

    def with_model_defaults(self) -> "Experiment":
        """The experiment with every null of its training that stands for a default of the model replaced by it."""
        arms = {name: arm_with_defaults(arm, self.pretrain.model) for name, arm in self.arms.items()}
        return self.model_copy(update={"pretrain": with_defaults(self.pretrain), "arms": arms})

    def methods(self) -> list[str]:
        """Names of the methods that some arm trains on, sorted."""
        return sorted({arm.method for arm in self.arms.values() if arm.method is not None})


def load(path: Path, overrides: dict[str, Any] | None = None) -> Experiment:
    """Read an experiment from YAML, put `overrides` (top-level keys) on top, and check it.

    Raises `InputError` that names the file, the key with its line, and the remedy.
    """
    values, lines = parse_yaml(Path(path))
    return resolve({**values, **(overrides or {})}, file=path, lines=lines)


def resolve(values: dict[str, Any], *, file: object = None, lines: Lines | None = None) -> Experiment:
    """The experiment that plain values describe: validated, cross-checked, and made small where `quick` says so."""
    try:
        experiment = Experiment.model_validate(values)
    except ValidationError as error:
        raise problem_of(error, Experiment, file=file, lines=lines or {}) from None
    check(experiment, file=file, lines=lines)
    return _quick(experiment, file=file) if experiment.quick else experiment


def _quick(experiment: Experiment, *, file: object) -> Experiment:
    """The experiment under its overlay. Controls that name an arm which is left out go with it."""
    try:
        values = overlaid(experiment.with_model_defaults().model_dump(), experiment.quick_overlay, "quick_overlay")
        values["experiment"] = f"{experiment.experiment}-quick"
        values["compare"]["controls"] = [name for name in values["compare"]["controls"] if name in values["arms"]]
        smaller = Experiment.model_validate(values)
        check(smaller)
    except ValidationError as error:
        raise problem_of(error, Experiment, file="quick_overlay", lines={}) from None
    except InputError as error:
        raise InputError(error.problem, file=file, record=error.record, remedy=error.remedy) from None
    return smaller


def check(experiment: Experiment, *, file: object = None, lines: Lines | None = None) -> None:
    """What no single field can say of itself; an `InputError` names the key."""

    def refuse(problem: str, key: tuple[str, ...], remedy: str) -> None:
        line = line_of(key, lines or {})
        record = shortened(dotted(key)) + (f" (line {line})" if line else "")
        raise InputError(problem, file=file, record=record, remedy=remedy)

    _check_names(experiment, refuse)
    if twice := [seed for seed in experiment.seeds if experiment.seeds.count(seed) > 1]:
        refuse(f"the seed {twice[0]} stands twice", ("seeds",), "name each seed once")
    if "base" not in experiment.arms:
        refuse("the arm 'base' is missing", ("arms",), "add 'base': every other arm continues from it")
    _check_base(experiment.arms["base"], refuse)
    _check_phases(with_defaults(experiment.pretrain), refuse)
    for name, arm in experiment.arms.items():
        _check_arm(name, arm, experiment.negatives.methods, refuse)
        if needs_paraphrases(arm.objective) and not experiment.negatives.paraphrases:
            refuse(
                f"the arm '{name}' compares with paraphrases, but no operator makes any",
                ("negatives", "paraphrases"),
                "name operators there, such as [synonym, conjunction]",
            )
    for control in experiment.compare.controls:
        if control not in experiment.arms:
            refuse(
                f"the control '{shortened(control)}' is no arm of this experiment",
                ("compare", "controls"),
                near(control, list(experiment.arms))
                or f"add the arm or name controls among: {', '.join(experiment.arms)}",
            )
    if "inpaintcoco" in experiment.evaluate.benchmarks and not experiment.inpaint.operations:
        refuse(
            "evaluate asks for benchmark 'inpaintcoco', but stage inpaint makes no pairs",
            ("inpaint", "operations"),
            "name at least one operation, or take 'inpaintcoco' out of evaluate.benchmarks",
        )
    _check_splits(experiment, refuse)


def _check_names(experiment: Experiment, refuse: Any) -> None:
    names: list[tuple[str, str, tuple[str, ...]]] = [("experiment", experiment.experiment, ("experiment",))]
    names += [("arm", name, ("arms", name)) for name in experiment.arms]
    names += [("method", name, ("negatives", "methods", name)) for name in experiment.negatives.methods]
    for what, name, key in names:
        if problem := problem_of_name(name, what):
            refuse(f"{shortened(repr(name))} is {problem[0]}", key, problem[1])


def _check_splits(experiment: Experiment, refuse: Any) -> None:
    asked: dict[str, str] = {"evaluate": experiment.evaluate.split}
    if experiment.robustness.corruptions:
        asked["robustness"] = experiment.robustness.split
    written = experiment.data.world.benchmark.splits
    for stage, split in asked.items():
        if split not in written:
            refuse(
                f"no benchmark is written for split '{split}', which {stage} asks for",
                ("data", "world", "benchmark", "splits"),
                f"add '{split}' to data.world.benchmark.splits or set {stage}.split to one of "
                f"{', '.join(written) or 'none'}",
            )
    if experiment.inpaint.operations:
        asked["inpaint"] = experiment.inpaint.split
    for stage, split in asked.items():
        if getattr(experiment.data.world.images, split) == 0:
            refuse(
                f"split '{split}', which {stage} asks for, is empty",
                ("data", "world", "images", split),
                "give the split some images",
            )


def _check_base(base: ArmConfig, refuse: Any) -> None:
    if base.method is not None or [term.term for term in base.objective] != ["contrastive"]:
        refuse(
            "the arm 'base' is plain contrastive training without negatives",
            ("arms", "base"),
            "remove its method and leave 'contrastive' as its only term; call the other arm by another name",
        )


def _check_phases(pretrain: PretrainConfig, refuse: Any) -> None:
    """A phase checks the steps that it gives; here are those that the model gives it."""
    for name in ("base", "continued"):
        phase = getattr(pretrain, name)
        if phase.cooldown_steps > phase.steps:
            refuse(
                f"a cool-down of {phase.cooldown_steps} steps does not fit in {phase.steps} steps, the model's default",
                ("pretrain", name, "cooldown_steps"),
                f"lower it, or set pretrain.{name}.steps",
            )


def _check_arm(name: str, arm: ArmConfig, methods: dict[str, Any], refuse: Any) -> None:
    if not arm.objective:
        refuse(f"the arm '{name}' has no loss term", ("arms", name, "objective"), "name at least one term")
    terms = [term.term for term in arm.objective]
    if len(set(terms)) < len(terms):
        refuse(f"the arm '{name}' names a loss term twice", ("arms", name, "objective"), "name each term once")
    if arm.method is not None and arm.method not in methods:
        refuse(
            f"the arm '{name}' trains on a method that is not configured: '{shortened(arm.method)}'",
            ("arms", name, "method"),
            near(arm.method, list(methods)) or f"add it to negatives.methods or choose one of: {', '.join(methods)}",
        )
    needing = [term.term for term in arm.objective if needs_negatives(term)]
    if needing and (arm.method is None or arm.num_negatives == 0):
        refuse(
            f"the arm '{name}' has the term '{needing[0]}' but no negatives",
            ("arms", name),
            "give it a method and num_negatives of 1 or more, or take the term out",
        )
    if arm.method is not None and not any(uses_negatives(term) for term in arm.objective):
        refuse(
            f"the arm '{name}' names the method '{arm.method}' but no term of its objective uses negatives",
            ("arms", name, "objective"),
            "add a term that does, such as own_negatives, or take the method out",
        )
