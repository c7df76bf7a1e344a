"""The jobs of an experiment and what each stage computes."""

import math
from dataclasses import dataclass
from typing import Any

from nearmiss.config import Experiment
from nearmiss.config_arms import interpolated_arms
from nearmiss.downloads import NeededDownloads
from nearmiss.engine.objectives.spec import needs_fusion
from nearmiss.engine.training.spec import MatchingConfig
from nearmiss.plan.data_files import Count, data_sizes, rates
from nearmiss.plan.model_cost import ModelCost
from nearmiss.stages.pretrain.config import ModelConfig, TwoTowerConfig, steps_of

FILLED = ("attribute", "object", "action")
"""Slots of method `replace` that a language model fills."""

WHOLE = ("retrieval", "classification", "cifar10")
"""Beginnings of names of benchmarks that a cross-encoder scores with its dual part."""

_TRAINING = 3.0  # a forward, and a backward of twice its operations
_MINED = 2  # pairs that a matching term mines for each image: another caption, and another image for its caption


@dataclass
class StageCost:
    """What a stage computes over all of its jobs."""

    stage: str
    jobs: int
    cpu_seconds: float = 0.0
    """Seconds of single cores, such as decoding."""
    train_flops: float = 0.0
    encode_flops: float = 0.0
    subject: str = ""
    """What the stage reads or computes, for people."""


def stage_costs(
    experiment: Experiment, needed: NeededDownloads, splits: dict[str, Count], model: ModelCost | None
) -> list[StageCost]:
    """The stages in the order of the workflow; a model of unknown cost computes nothing."""
    runs = len(experiment.arms) * len(experiment.seeds)
    every = [
        _data(experiment, splits),
        _negatives(experiment, splits),
        _inpaint(experiment),
        _pretrain(experiment, splits, model),
        _finetune(experiment, model),
        _evaluate(experiment, splits, model, runs),
        _robustness(experiment, splits, model, runs),
        StageCost("compare", 2, cpu_seconds=60.0),
    ]
    for cost in every:
        cost.cpu_seconds += cost.jobs * rates().per_core.job.value
    return [StageCost("download", len(needed.jobs)), *every]


def train_flops(experiment: Experiment, model: ModelCost, arm: str) -> float:
    """Operations of one training of an arm, forward and backward, with its fusion where it has one."""
    shared, options = experiment.with_model_defaults().pretrain, experiment.arms[arm]
    steps, batch = steps_of(shared, arm, options), shared.batch_size
    learned = model.cached or model
    tokens = tokens_of(options.num_negatives, whole=model.whole_texts)
    forward = batch * (learned.image_flops + tokens * learned.token_flops)
    if needs_fusion(options.objective):
        mined = _MINED if any(getattr(term, "mined", False) for term in options.objective) else 0
        pairs = batch * (mined + 1 + options.num_negatives)
        texts = batch * (1 + options.num_negatives)
        forward += model.fusion_flops(shared.fusion, images=batch, texts=texts, tokens=_tokens(), pairs=pairs)
    return _TRAINING * steps * forward


def read_bytes(experiment: Experiment, model: ModelCost, arm: str) -> float:
    """Bytes of cached image features that one training of an arm reads."""
    shared = experiment.with_model_defaults().pretrain
    steps = steps_of(shared, arm, experiment.arms[arm])
    return float(steps * shared.batch_size * (0 if model.cached is None else model.cached.image_bytes))


def cached_texts(experiment: Experiment, splits: dict[str, Count]) -> float:
    """Texts whose hidden states are cached: captions, and the negatives of each method."""
    drawn: dict[str, int] = {}
    for arm in experiment.arms.values():
        if arm.method is not None:
            drawn[arm.method] = max(drawn.get(arm.method, 0), arm.num_negatives)
    captions = splits["train"].captions if "train" in splits else 0
    return float(captions * (1 + sum(drawn.values()))) if "text" in experiment.pretrain.cached_parts else 0.0


def tokens_of(num_negatives: int, *, whole: bool = False) -> float:
    """Tokens of an image's caption and its negatives, laid in rows, or each text as a whole."""
    counted = rates().tokens
    if whole:
        return (1 + num_negatives) * counted["whole"].value
    return counted["first"].value + num_negatives * counted["further"].value


def encoded(experiment: Experiment, splits: dict[str, Count]) -> tuple[int, int, list[str]]:
    """Images and texts that one evaluation encodes, and benchmarks whose size is not known."""
    images, texts, unknown = 0, 0, []
    for name in experiment.evaluate.benchmarks or ():
        known = data_sizes().benchmarks.get(name)
        if name == "retrieval" and experiment.evaluate.split in splits:
            images += splits[experiment.evaluate.split].images
            texts += splits[experiment.evaluate.split].captions
        elif known is not None:
            images, texts = images + known.images, texts + known.texts
        else:
            unknown.append(name)
    return images, texts, unknown


def unverified(experiment: Experiment) -> list[str]:
    """Benchmarks of an experiment whose counted size was not compared with their files."""
    known = data_sizes().benchmarks
    return [name for name in experiment.evaluate.benchmarks or () if name in known and not known[name].verified]


def _tokens() -> int:
    """Tokens of a caption, in a batch of texts of about that length."""
    return math.ceil(rates().tokens["first"].value)


def edited_pairs(experiment: Experiment) -> int:
    """Pairs that stage inpaint makes at most."""
    return sum(each.pairs for each in experiment.inpaint.operations)


def _data(experiment: Experiment, splits: dict[str, Count]) -> StageCost:
    images = sum(count.images for count in splits.values())
    core = rates().per_core
    photographs = experiment.data.source.declare("").photographs
    seconds = images / (core.decode_images if photographs else core.draw_images).value
    held_out = bool(experiment.data.held_out)
    if held_out:  # training images are hashed, too
        shown = [data_sizes().benchmarks.get(name) for name in experiment.data.held_out or ()]
        hashed = sum(size.images for size in shown if size) + splits.get("train", Count(images=0, captions=0)).images
        seconds += hashed / core.decode_images.value
    return StageCost("data", 1 + held_out, cpu_seconds=seconds, subject=f"{images:,} images")


def _negatives(experiment: Experiment, splits: dict[str, Count]) -> StageCost:
    train = splits.get("train", Count(images=0, captions=0))
    declared = experiment.data.source.declare("")
    jobs = len(experiment.methods()) * (2 if declared.truth else 1) + bool(experiment.matched_methods())
    cost = StageCost("negatives", jobs)
    for name in experiment.methods():
        options: Any = experiment.negatives.methods[name]
        captions = train.images * options.per_image if options.method == "scene_graph" else train.captions
        cost.cpu_seconds += captions / rates().per_core.negatives[options.method].value
        if getattr(options, "language_model", None) is not None:
            gaps = captions * len(set(options.slots) & set(FILLED))
            cost.encode_flops += gaps * rates().language_model["flops"].value
    cost.subject = f"{train.captions:,} captions"
    return cost


def _inpaint(experiment: Experiment) -> StageCost:
    pairs = edited_pairs(experiment)
    seconds = pairs / rates().per_core.edits.value
    return StageCost("inpaint", 1 if pairs else 0, cpu_seconds=seconds, subject=f"{pairs:,} pairs")


def _pretrain(experiment: Experiment, splits: dict[str, Count], model: ModelCost | None) -> StageCost:
    images = splits["train"].images if "train" in splits else 0  # those of the store
    runs, seeds = len(experiment.arms) * len(experiment.seeds), len(experiment.seeds)
    towers = experiment.pretrain.cached_parts
    methods = {arm.method for arm in experiment.arms.values() if arm.method is not None}
    caches = ("image" in towers) + (1 + len(methods)) * ("text" in towers)
    cost = StageCost("pretrain", 1 + caches + runs, cpu_seconds=images / rates().per_core.decode_images.value)
    if model is not None:
        of_arms = sum(train_flops(experiment, model, arm) for arm in experiment.arms)
        cost.train_flops = of_arms * seeds
        read = sum(read_bytes(experiment, model, arm) for arm in experiment.arms)
        cost.cpu_seconds += seeds * read / rates().per_core.cached_bytes.value
        if model.cached is not None:
            states = tokens_of(0, whole=True) * (model.token_flops - model.cached.token_flops)
            cost.encode_flops = (
                images * (model.image_flops - model.cached.image_flops) + cached_texts(experiment, splits) * states
            )
        cost.subject = f"{cost.train_flops / 1e15:,.2f} PFLOP"
    return cost


def _finetune(experiment: Experiment, model: ModelCost | None) -> StageCost:
    """Trainings of tasks that train both towers, and one encoding of each other task's images."""
    section = experiment.finetune
    runs = (len(experiment.arms) + 1) * len(experiment.seeds) if section.tasks else 0
    cost = StageCost("finetune", runs)
    sizes: Any = getattr(experiment.data.source, "tasks", None)
    for options in section.tasks:
        counts = getattr(sizes, options.task, None)
        dev, test = (0, 0) if counts is None else (counts.dev, counts.test + counts.held_out)
        examples = dev + test + (0 if counts is None else counts.train)
        cost.cpu_seconds += runs * examples / rates().per_core.decode_images.value
        if model is None:
            continue
        if not isinstance(options, MatchingConfig):
            cost.encode_flops += runs * examples * model.image_flops
            continue
        factors, shares = len(set(getattr(options, "factors", [1.0]))), len(section.shares)
        trained = (factors + shares - 1) * options.steps * options.batch_size
        cost.train_flops += _TRAINING * runs * _forward(model, trained, trained)
        scored = factors * dev + shares * test
        cost.encode_flops += runs * _forward(model, scored, scored)
    cost.subject = ", ".join(options.task for options in section.tasks)
    return cost


def _evaluate(experiment: Experiment, splits: dict[str, Count], model: ModelCost | None, runs: int) -> StageCost:
    images, texts, _ = encoded(experiment, splits)
    cached = "image" in experiment.pretrain.cached_parts  # features of the images, computed once for all runs
    # Each share of the weights is scored like a run, and once more on the benchmarks of split val.
    between = len(interpolated_arms(experiment.arms, experiment.evaluate.interpolation)) * len(experiment.seeds)
    jobs, runs = runs + between + cached, runs + 2 * between * len(experiment.evaluate.interpolation)
    times = 1 if cached else runs
    cost = StageCost("evaluate", jobs, cpu_seconds=times * images / rates().per_core.decode_images.value)
    if model is not None:
        fused = sum(needs_fusion(arm.objective) for arm in experiment.arms.values()) * len(experiment.seeds)
        cost.encode_flops = times * _forward(model, images, 0) + runs * _forward(model, 0, texts)
        if cached and model.cached is not None:
            cost.encode_flops += runs * images * model.cached.image_flops
        cost.encode_flops += fused * _matching(experiment, model)
    cost.subject = f"{images:,} images a run"
    return cost


def _matching(experiment: Experiment, model: ModelCost) -> float:
    """Operations that score the items of benchmarks pair by pair; each text is counted with one image."""
    known = {name: data_sizes().benchmarks.get(name) for name in experiment.evaluate.benchmarks or ()}
    items = [size for name, size in known.items() if size is not None and not name.startswith(WHOLE)]
    images, pairs = sum(size.images for size in items), sum(size.texts for size in items)
    shape = experiment.pretrain.fusion
    fused = model.fusion_flops(shape, images=images, texts=pairs, tokens=_tokens(), pairs=pairs)
    return _forward(model, images, pairs) + fused


def _robustness(experiment: Experiment, splits: dict[str, Count], model: ModelCost | None, runs: int) -> StageCost:
    section = experiment.robustness
    if not section.corruptions:
        return StageCost("robustness", 0)
    variants = len(section.corruptions) * len(section.severities)
    images = 0
    for name in section.benchmarks or ():
        known = data_sizes().benchmarks.get(name)
        images += section.gallery if known is None else min(known.images, section.items * known.parts)
    cost = StageCost("robustness", 1 + runs, cpu_seconds=images * (1 + variants) / rates().per_core.decode_images.value)
    if model is not None:
        cost.encode_flops = runs * _forward(model, images * (1 + variants), 2 * images)
    cost.subject = f"{images * (1 + variants):,} images a run"
    return cost


def _forward(model: ModelCost, images: int, texts: int) -> float:
    return images * model.image_flops + texts * tokens_of(0, whole=model.whole_texts) * model.token_flops


def flops_of_core(experiment: Experiment) -> tuple[float, float]:
    """Operations a second of one core in training and in encoding, which depend on the kind of model."""
    core = rates().per_core
    if isinstance(experiment.pretrain.model, ModelConfig):
        return core.train_small_flops.value, core.train_small_flops.value
    if isinstance(experiment.pretrain.model, TwoTowerConfig):
        return core.train_two_towers_flops.value, core.encode_two_towers_flops.value
    return core.train_flops.value, core.encode_flops.value
