"""The experiment: one typed configuration, put together from the stages' own. Imports nothing heavy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from nearmiss.base.errors import InputError
from nearmiss.base.typed import Seed, Typed
from nearmiss.config_arms import check_arm, check_base, check_match, check_phases, check_study
from nearmiss.config_text import dotted, line_of, near, problem_of, shortened
from nearmiss.config_yaml import Lines, parse_yaml
from nearmiss.engine.benchmarks.spec import OWN, problem_of_names, table_of
from nearmiss.engine.downloads.spec import DownloadConfig
from nearmiss.engine.objectives.spec import needs_paraphrases
from nearmiss.names import LONGEST, PATTERN, problem_of_name
from nearmiss.overlay import QUICK, overlaid, with_bounded_steps
from nearmiss.overrides import Override, lines_with, of_override, overridden
from nearmiss.stages.compare.config import CompareConfig
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.data.sources.spec import Declaration, Purpose
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
    """An experiment. Defaults are the synthetic world's; a file names what differs; lists and maps replace."""

    experiment: str = Field(
        description="Name; results lie in results/<name>.",
        json_schema_extra={"pattern": PATTERN, "maxLength": LONGEST},  # checked by names.py, for editors here
    )
    quick: bool = Field(False, description="Lay `quick_overlay` on top and append -quick to the name.")
    quick_overlay: dict[str, Any] = Field(
        QUICK,
        description="What makes the experiment small: a number is an upper bound, or how many entries of a list stay; "
        "a list of names selects the entries that stay.",
    )
    seeds: list[Seed] = Field([0], min_length=1, description="Training seeds; a run is an arm and a seed.")
    arms: dict[str, ArmConfig] = Field(default_factory=default_arms, description="Arms; `base` must be among them.")
    download: DownloadConfig = Field(
        default_factory=DownloadConfig, description="Published files that are downloaded before anything reads them."
    )
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

    def own_benchmarks(self) -> tuple[str, ...]:
        """Benchmarks that the experiment writes itself; without operations of inpaint, inpaintcoco is published."""
        return tuple(name for name in OWN if name != "inpaintcoco" or self.inpaint.operations)

    def methods(self) -> list[str]:
        """Names of the methods that some arm trains on, sorted."""
        return sorted({arm.method for arm in self.arms.values() if arm.method is not None})

    def matched_methods(self) -> list[str]:
        """Names of the methods that arms train on in matched sets, sorted; none if only one of them is used."""
        wanted = self.negatives.match.methods if self.negatives.match is not None else []
        used = [name for name in self.methods() if name in wanted]
        return used if len(used) > 1 else []


def load(path: Path, changes: dict[str, Any] | None = None, overrides: Sequence[Override] = ()) -> Experiment:
    """Read an experiment from YAML, with `changes` (top-level keys) and overrides on top, and check it.

    Raises `InputError` that names the file, the key with its line, and the remedy.
    """
    values, lines = parse_yaml(Path(path))
    return resolve({**values, **(changes or {})}, file=path, lines=lines, overrides=overrides)


def resolve(
    values: dict[str, Any], *, file: object = None, lines: Lines | None = None, overrides: Sequence[Override] = ()
) -> Experiment:
    """The experiment of plain values and overrides: validated, cross-checked, and reduced if `quick` is set."""
    try:
        if overrides:
            values = overridden(values, overrides, Experiment)
            lines = lines_with(values, lines or {}, overrides)
        experiment = _with_controls(_with_own_benchmarks(validated(values, file=file, lines=lines)))
        check(experiment, file=file, lines=lines)
        experiment = _with_caption_sets(experiment)
        return _with_held_out(_quick(experiment, overrides, file=file) if experiment.quick else experiment)
    except InputError as error:
        raise of_override(error, overrides) from None


def validated(values: dict[str, Any], *, file: object = None, lines: Lines | None = None) -> Experiment:
    """The experiment as its values say, before defaults that depend on other keys; raises `InputError`."""
    try:
        return Experiment.model_validate(values)
    except ValidationError as error:
        raise problem_of(error, Experiment, file=file, lines=lines or {}) from None


def _quick(experiment: Experiment, overrides: Sequence[Override], *, file: object) -> Experiment:
    """The experiment under its overlay, and overrides on top of both. Controls whose arm is left out go with it."""
    try:
        source = experiment.data.source.smaller()
        experiment = experiment.model_copy(update={"data": experiment.data.model_copy(update={"source": source})})
        values = overlaid(experiment.with_model_defaults().model_dump(), experiment.quick_overlay, "quick_overlay")
        values["experiment"] = f"{experiment.experiment}-quick"
        values["compare"]["controls"] = [name for name in values["compare"]["controls"] if name in values["arms"]]
        again = [each for each in overrides if each.path[0] not in ("experiment", "quick", "quick_overlay")]
        _refuse_left_out(values["arms"], again)
        smaller = Experiment.model_validate(overridden(with_bounded_steps(values), again, Experiment))
        check(smaller)
    except ValidationError as error:
        raise problem_of(error, Experiment, file="quick_overlay", lines={}) from None
    except InputError as error:
        raise InputError(error.problem, file=error.file or file, record=error.record, remedy=error.remedy) from None
    return smaller


def _refuse_left_out(arms: dict[str, Any], overrides: Sequence[Override]) -> None:
    for each in overrides:
        if each.path[0] == "arms" and len(each.path) > 1 and each.path[1] not in arms:
            raise InputError(
                f"quick leaves out the arm '{shortened(each.path[1])}', which an override names",
                record=each.key,
                remedy="name the arm in quick_overlay.arms, or leave the override out",
            )


def _with_controls(experiment: Experiment) -> Experiment:
    """The default controls, without those that are no arms; controls that the file names are checked instead."""
    if "controls" in experiment.compare.model_fields_set:
        return experiment
    kept = [name for name in experiment.compare.controls if name in experiment.arms]
    compare = experiment.compare.model_copy(update={"controls": kept})
    return experiment.model_copy(update={"compare": compare})


def _with_own_benchmarks(experiment: Experiment) -> Experiment:
    """Where benchmarks are null: those that the experiment writes itself, and for robustness `world` or the same.

    Published benchmarks are read from the folder that files are downloaded to, unless another one is given.
    """
    tables = experiment.data.source.declare("").tables
    own = [name for name in OWN if any(table.startswith(table_of(name, "")) for table in tables)]
    own += ["inpaintcoco"] if experiment.inpaint.operations else []
    evaluated = experiment.evaluate.benchmarks or own
    robust = experiment.robustness.benchmarks or (["world"] if "world" in evaluated else evaluated)
    published = {*evaluated, *robust, *(experiment.data.held_out or ())} - set(experiment.own_benchmarks())
    root = experiment.evaluate.data_root or (experiment.download.root if published else None)
    return experiment.model_copy(
        update={
            "evaluate": experiment.evaluate.model_copy(update={"benchmarks": evaluated, "data_root": root}),
            "robustness": experiment.robustness.model_copy(update={"benchmarks": robust}),
        }
    )


def check(experiment: Experiment, *, file: object = None, lines: Lines | None = None) -> None:
    """Checks across fields; an `InputError` names the key."""

    def refuse(problem: str, key: tuple[str, ...], remedy: str) -> None:
        line = line_of(key, lines or {})
        record = shortened(dotted(key)) + (f" (line {line})" if line else "")
        raise InputError(problem, file=file, record=record, remedy=remedy)

    _check_names(experiment, refuse)
    if twice := [seed for seed in experiment.seeds if experiment.seeds.count(seed) > 1]:
        refuse(f"the seed {twice[0]} occurs twice", ("seeds",), "name each seed once")
    if "base" not in experiment.arms:
        refuse("the arm 'base' is missing", ("arms",), "add 'base': every other arm continues from it")
    check_base(experiment.arms["base"], refuse)
    check_phases(with_defaults(experiment.pretrain), experiment.arms, refuse)
    for name, arm in experiment.arms.items():
        check_arm(name, arm, experiment.negatives.methods, refuse)
        if needs_paraphrases(arm.objective) and not experiment.negatives.operators(str(arm.method)):
            refuse(
                f"the arm '{name}' compares with paraphrases, but its method '{arm.method}' writes none",
                ("negatives", "paraphrases"),
                "name operators there, such as [synonym, conjunction]",
            )
    check_match(experiment.negatives, refuse)
    for control in experiment.compare.controls:
        if control not in experiment.arms:
            refuse(
                f"the control '{shortened(control)}' is no arm of this experiment",
                ("compare", "controls"),
                near(control, list(experiment.arms))
                or f"add the arm or name controls among: {', '.join(experiment.arms)}",
            )
    check_study(experiment.compare.study, experiment.arms, refuse)
    _check_held_out(experiment, refuse)
    benchmarks = experiment.evaluate.benchmarks or []
    published = sorted(set(benchmarks) - set(experiment.own_benchmarks()))
    if published == ["inpaintcoco"] and experiment.evaluate.data_root is None:
        refuse(
            "evaluate lists benchmark 'inpaintcoco', but stage inpaint makes no pairs",
            ("inpaint", "operations"),
            "name at least one operation, take 'inpaintcoco' out of evaluate.benchmarks, or set evaluate.data_root for "
            "the published pairs",
        )
    if published and experiment.evaluate.data_root is None:
        refuse(
            f"evaluate.benchmarks names the published benchmark {published[0]}, but no folder",
            ("evaluate", "data_root"),
            "set evaluate.data_root to the folder under which each benchmark has its own, or download.root",
        )
    declared = experiment.data.source.declare("")
    _check_caption_sets(experiment, declared, refuse)
    _check_splits(experiment, declared, refuse)
    _check_pieces(experiment, declared, refuse)


def _check_names(experiment: Experiment, refuse: Any) -> None:
    names: list[tuple[str, str, tuple[str, ...]]] = [("experiment", experiment.experiment, ("experiment",))]
    names += [("arm", name, ("arms", name)) for name in experiment.arms]
    names += [("method", name, ("negatives", "methods", name)) for name in experiment.negatives.methods]
    for what, name, key in names:
        if problem := problem_of_name(name, what):
            refuse(f"{shortened(repr(name))} is {problem[0]}", key, problem[1])


def _check_held_out(experiment: Experiment, refuse: Any) -> None:
    """Names of benchmarks are checked here and not by stage data, which would depend on the list of benchmarks."""
    key = ("data", "held_out")
    if problem := problem_of_names(experiment.data.held_out or ()):
        refuse(problem[0], key, problem[1])
    for name in experiment.data.held_out or ():
        if name in OWN and name != "inpaintcoco":  # which may be the published one
            refuse(
                f"{name} is a benchmark of the experiment's own, whose images are in other splits",
                key,
                "leave it out",
            )
    if experiment.data.held_out and experiment.evaluate.data_root is None:
        refuse(
            f"data.held_out names {experiment.data.held_out[0]}, but no folder of published benchmarks is given",
            key,
            "set evaluate.data_root, or leave the key out",
        )


def _check_caption_sets(experiment: Experiment, declared: Declaration, refuse: Any) -> None:
    if not declared.caption_sets:
        refuse(
            "the data source has no captions, and every arm trains on the captions of its images",
            ("data", "source"),
            "give the source captions, or name a second source that has some; without captions, nearmiss data "
            "and nearmiss negatives make --tables still make scene graph negatives",
        )
    for key, _ in _CAPTION_SETS:
        name = _value(experiment, key)
        if name is not None and name not in declared.caption_sets:
            refuse(
                f"the data source has no caption set '{shortened(name)}'",
                key,
                near(name, list(declared.caption_sets)) or f"choose one of: {', '.join(declared.caption_sets)}",
            )


def _check_splits(experiment: Experiment, declared: Declaration, refuse: Any) -> None:
    sections: dict[str, str] = {}
    if set(experiment.evaluate.benchmarks or ()) & (set(OWN) - {"inpaintcoco"}):
        sections["evaluate"] = experiment.evaluate.split
    if _corrupts(experiment) and set(experiment.robustness.benchmarks or ()) & (set(OWN) - {"inpaintcoco"}):
        sections["robustness"] = experiment.robustness.split
    for stage, split in sections.items():
        if split in declared.splits and split not in declared.benchmark_splits:
            refuse(
                f"no benchmark is written for split '{split}', which {stage} uses",
                (stage, "split"),
                f"add '{split}' to {declared.keys['benchmarks']} or set {stage}.split to one of "
                f"{', '.join(declared.benchmark_splits) or 'none'}",
            )
    if experiment.inpaint.operations:
        sections["inpaint"] = experiment.inpaint.split
    for stage, split in sections.items():
        if split not in declared.splits:
            refuse(
                f"split '{split}', which {stage} uses, is empty",
                (stage, "split"),
                f"give the split images in {declared.keys['images']}, or choose one of: {', '.join(declared.splits)}",
            )


def _corrupts(experiment: Experiment) -> bool:
    """Whether stage robustness has something to do."""
    return bool(experiment.robustness.corruptions)


def _check_pieces(experiment: Experiment, declared: Declaration, refuse: Any) -> None:
    """What an experiment needs and only some data sources have."""
    if experiment.inpaint.operations and not declared.masks:
        refuse(
            "stage inpaint edits objects by their masks, and the data source has none",
            ("inpaint", "operations"),
            "give the source annotations with masks, or write operations: []",
        )
    for task in experiment.finetune.tasks:
        if task.task not in declared.tasks:
            refuse(
                f"the data source has no examples of the downstream task '{task.task}'",
                ("finetune", "tasks"),
                f"choose among: {', '.join(declared.tasks)}" if declared.tasks else "write tasks: []",
            )
    for name, arm in experiment.arms.items():
        if arm.mask == "truth" and not declared.truth:
            refuse(
                f"the arm '{name}' masks by the truth, which the data source does not know",
                ("arms", name, "mask"),
                "choose same_image or none",
            )
    sections = {"evaluate": experiment.evaluate} | (
        {"robustness": experiment.robustness} if _corrupts(experiment) else {}
    )
    for stage, section in sections.items():
        for name in section.benchmarks or ():
            if name in OWN and name != "inpaintcoco" and table_of(name, section.split) not in declared.tables:
                refuse(
                    f"the data source does not make the benchmark '{name}' of split '{section.split}'",
                    (stage, "benchmarks"),
                    f"take '{name}' out of the list",
                )
    for name in experiment.methods():
        if not declared.closed_vocabulary and getattr(experiment.negatives.methods[name], "tagger", "") is None:
            refuse(
                f"the method '{name}' tags captions, and the built-in tagger does not know those of this data source",
                ("negatives", "methods", name, "tagger"),
                "python -m spacy download en_core_web_sm, then tagger: en_core_web_sm (or a pipeline's folder)",
            )


# Keys that name a caption set, and the purpose whose default is taken where they are null.
_CAPTION_SETS: tuple[tuple[tuple[str, ...], Purpose], ...] = (
    (("pretrain", "base", "captions"), "base"),
    (("pretrain", "continued", "captions"), "continued"),
    (("negatives", "captions"), "negatives"),
    (("inpaint", "captions"), "inpaint"),
    (("evaluate", "captions"), "continued"),
    (("robustness", "captions"), "continued"),
)


def _value(section: Any, key: tuple[str, ...]) -> Any:
    for name in key:
        section = getattr(section, name)
    return section


def _with(section: Any, key: tuple[str, ...], value: Any) -> Any:
    """A copy of a section with another value under a key."""
    name, *rest = key
    inner = _with(getattr(section, name), tuple(rest), value) if rest else value
    return section.model_copy(update={name: inner})


def _with_caption_sets(experiment: Experiment) -> Experiment:
    """The experiment with the data source's default sets in place of null: stages and fingerprints name them."""
    defaults = experiment.data.source.declare("").default_sets
    for key, purpose in _CAPTION_SETS:
        if _value(experiment, key) is None:
            own = experiment.pretrain.continued.captions if purpose == "continued" else None
            experiment = _with(experiment, key, own or defaults.get(purpose))
    return experiment


def _with_held_out(experiment: Experiment) -> Experiment:
    """The experiment with the names of its published benchmarks in place of null."""
    if experiment.data.held_out is not None:
        return experiment
    scored = {*(experiment.evaluate.benchmarks or ()), *(experiment.robustness.benchmarks or ())}
    published = (
        sorted(scored - set(experiment.own_benchmarks())) if experiment.data.source.declare("").photographs else []
    )
    return _with(experiment, ("data", "held_out"), published)
