"""Today's fingerprint of everything that an experiment makes, as the driver writes it when it reads the workflow."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nearmiss.base.files import sha256
from nearmiss.base.fingerprint import ParsedCode, Plugins, Registry, SourceTree
from nearmiss.config import STAGES, Experiment
from nearmiss.config_arms import interpolated_arms
from nearmiss.engine.benchmarks.spec import module_of
from nearmiss.engine.objectives.spec import needs_fusion
from nearmiss.stages.negatives.config import MATCHED

Fingerprints = dict[str, dict[str, Any]]
PARSED = Path("state/parsed.json")
"""The modules that earlier processes parsed, in a checkout; it may be deleted at any time."""

REGISTRIES = (
    Registry("objectives", "nearmiss.engine.objectives.registry", helpers=("features", "spec")),
    Registry("benchmarks", "nearmiss.engine.benchmarks.registry", helpers=("benchmark", "data_root", "spec")),
    Registry("corruptions", "nearmiss.engine.images.corruptions.registry", helpers=("corruption",)),
    Registry("text_corruptions", "nearmiss.engine.text.corruptions.registry", helpers=("corruption",)),
    Registry(
        "operations",
        "nearmiss.engine.images.editing.registry",
        helpers=("plan",),
        files={"repaint_color": "repaint", "repaint_object": "repaint"},
    ),
    Registry("methods", "nearmiss.stages.negatives.registry", helpers=("candidates",)),
    Registry(
        "tasks",
        "nearmiss.stages.finetune.registry",
        helpers=("task",),
        files={"vsr_random": "vsr", "vsr_zeroshot": "vsr", "imagefolder": "shapes"},
    ),
    Registry("sources", "nearmiss.stages.data.sources.registry", files={"flickr8k": "flickr", "flickr30k": "flickr"}),
)
"""The registries whose plugins count where a configuration names them. Everything else counts where it is imported."""


@dataclass(frozen=True)
class Part:
    """What has a fingerprint of its own: a stage, a method of stage `negatives`, an arm of stage `pretrain`."""

    stage: str
    config: Any
    plugins: Plugins


def parts(experiment: Experiment) -> dict[str, Part]:
    """The parts of an experiment by the names of their fingerprint files (`data`, `negatives/keyword`).

    Seeds and the list of arms belong to no part, so that a new seed changes no run that is there.
    """
    values = experiment.with_model_defaults().model_dump(mode="json")
    evaluated = [module_of(name) for name in experiment.evaluate.benchmarks or ()]
    source = values["data"]["source"]
    plugins: dict[str, Plugins] = {
        "data": {"sources": [each["name"] for each in (source if isinstance(source, list) else [source])]},
        "inpaint": {"operations": [each.operation for each in experiment.inpaint.operations]},
        "finetune": {"tasks": [each.task for each in experiment.finetune.tasks]},
        "evaluate": {"benchmarks": evaluated},
        "robustness": {
            "benchmarks": [module_of(name) for name in experiment.robustness.benchmarks or ()],
            "corruptions": [each.corruption for each in experiment.robustness.corruptions],
            "text_corruptions": [each.corruption for each in experiment.robustness.texts],
        },
        "compare": {"benchmarks": evaluated},
    }
    stages = [stage for stage in STAGES if stage not in ("negatives", "pretrain")]
    found = {stage: Part(stage, values[stage], plugins.get(stage, {})) for stage in stages}
    found["evaluate"] = Part("evaluate", _without(values["evaluate"], ["interpolation"]), plugins["evaluate"])
    if interpolated_arms(experiment.arms, experiment.evaluate.interpolation):
        found["evaluate/interpolation"] = Part("evaluate", values["evaluate"], plugins["evaluate"])
    negatives = _without(values["negatives"], ["methods", "match"])
    for method in experiment.methods():
        own = {"shared": negatives, "method": values["negatives"]["methods"][method]}
        found[f"negatives/{method}"] = Part("negatives", own, {"methods": [own["method"]["method"]]})
    if methods := experiment.matched_methods():
        match = {**values["negatives"]["match"], "methods": methods}
        own = {name: negatives[name] for name in ("seed", "captions")} | {"match": match}
        found[f"negatives/{MATCHED}"] = Part("negatives", own, {"methods": []})
    # What the image store and the features of frozen parts depend on.
    kept = ("model", "frozen", "cache_frozen") if experiment.pretrain.cache_frozen else ("model",)
    found["pretrain"] = Part("pretrain", {name: values["pretrain"][name] for name in kept}, {})
    for arm, config in experiment.arms.items():
        others = ["continued" if arm == "base" else "base", *([] if needs_fusion(config.objective) else ["fusion"])]
        own = {"shared": _without(values["pretrain"], others), "arm": values["arms"][arm]}
        found[f"pretrain/{arm}"] = Part("pretrain", own, {"objectives": [term.term for term in config.objective]})
    return dict(sorted(found.items()))


def fingerprints(experiment: Experiment, root: Path) -> Fingerprints:
    """Name of each fingerprint file without its suffix (`data`, `negatives/keyword`, `pretrain/clip`) -> its content.

    `root` is the checkout, whose code and requirements.lock are hashed.
    """
    parsed = ParsedCode(root / PARSED)
    tree = SourceTree(root / "src", REGISTRIES, parsed)
    lock = sha256(root / "requirements.lock")

    def content(part: Part) -> dict[str, Any]:
        rules = root / "workflow" / "rules" / f"{part.stage}.smk"
        code = tree.stage_digest(part.stage, part.plugins, rules)
        return {"stage": part.stage, "config": part.config, "code": code, "lock": lock}

    found = {name: content(part) for name, part in parts(experiment).items()}
    parsed.save()
    return found


def code_files(experiment: Experiment, source: Path) -> dict[str, list[Path]]:
    """Files below the source folder that the fingerprints of each stage cover."""
    tree = SourceTree(source, REGISTRIES)
    found: dict[str, set[Path]] = {stage: set() for stage in STAGES}
    for part in parts(experiment).values():
        found[part.stage] |= set(tree.stage_files(part.stage, part.plugins))
    return {stage: sorted(files) for stage, files in found.items()}


def fingerprint_of(part: str, names: Fingerprints) -> str:
    """The fingerprint that a folder of results has: its own (`pretrain/clip` of `pretrain/clip/0`) or its stage's."""
    own = "/".join(part.split("/")[:2])
    return own if own in names else part.partition("/")[0]


def _without(section: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key not in set(keys)}
