"""The experiment: one typed configuration, put together from the stages' own. Imports nothing heavy."""

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from nearmiss.base.errors import InputError
from nearmiss.base.typed import Seed, Typed
from nearmiss.config_text import dotted, line_of, near, problem_of, shortened
from nearmiss.config_yaml import Lines, parse_yaml
from nearmiss.engine.benchmarks.spec import OWN
from nearmiss.engine.objectives.spec import needs_negatives, needs_paraphrases, uses_negatives
from nearmiss.names import LONGEST, PATTERN, problem_of_name
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

    experiment: str = Field(
        description="Name; results lie in results/<name>.",
        json_schema_extra={"pattern": PATTERN, "maxLength": LONGEST},  # checked by names.py, for editors here
    )
    quick: bool = Field(False, description="Shrink everything to its smallest size and append -quick to the name.")
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
    """The experiment that plain values describe: validated, shrunk where `quick` says so, cross-checked."""
    try:
        experiment = Experiment.model_validate(values)
    except ValidationError as error:
        raise problem_of(error, Experiment, file=file, lines=lines or {}) from None
    experiment = _with_own_benchmarks(experiment)
    check(experiment, file=file, lines=lines)
    if not experiment.quick:
        return experiment
    from nearmiss.quick import shrink

    return shrink(experiment)


def _with_own_benchmarks(experiment: Experiment) -> Experiment:
    """Where benchmarks are null: those that the experiment writes itself, and for robustness `world` or the same."""
    own = [name for name in OWN if name != "inpaintcoco" or experiment.inpaint.operations]
    evaluated = experiment.evaluate.benchmarks or own
    robust = experiment.robustness.benchmarks or (["world"] if "world" in evaluated else evaluated)
    return experiment.model_copy(
        update={
            "evaluate": experiment.evaluate.model_copy(update={"benchmarks": evaluated}),
            "robustness": experiment.robustness.model_copy(update={"benchmarks": robust}),
        }
    )


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
    benchmarks = experiment.evaluate.benchmarks or []
    if set(benchmarks) - set(OWN) and experiment.evaluate.data_root is None:
        refuse(
            f"evaluate.benchmarks names the published benchmark {sorted(set(benchmarks) - set(OWN))[0]}, but no folder",
            ("evaluate", "data_root"),
            "set evaluate.data_root to the folder under which each benchmark has its own",
        )
    if "inpaintcoco" in benchmarks and not experiment.inpaint.operations:
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
    if needing and (arm.method is None or arm.texts == 0):
        refuse(
            f"the arm '{name}' has the term '{needing[0]}' but no negatives",
            ("arms", name),
            "give it a method and texts of 1 or more, or take the term out",
        )
    if arm.method is not None and not any(uses_negatives(term) for term in arm.objective):
        refuse(
            f"the arm '{name}' names the method '{arm.method}' but no term of its objective uses negatives",
            ("arms", name, "objective"),
            "add a term that does, such as own_negatives, or take the method out",
        )
