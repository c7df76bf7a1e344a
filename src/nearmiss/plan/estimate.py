"""The plan of an experiment as numbers: hours of each stage, disk and memory."""

import os
from dataclasses import dataclass

from nearmiss.config import Experiment
from nearmiss.downloads import needed_downloads
from nearmiss.engine.downloads.plan import RATE, Plan, plan_of
from nearmiss.plan.data_files import Count, rates
from nearmiss.plan.model_cost import ModelCost, model_cost
from nearmiss.plan.sizes import splits_of
from nearmiss.plan.stage_costs import (
    StageCost,
    cached_texts,
    encoded,
    flops_of_core,
    stage_costs,
    tokens_of,
    unverified,
)

_WEIGHT, _STATE = 4, 16
"""Bytes of a weight in a checkpoint, and of one with its gradient and AdamW's two moments, in fp32."""
_STATES = 2  # saved states of a training


@dataclass(frozen=True)
class Estimate:
    """What an experiment costs."""

    experiment: Experiment
    downloads: Plan | None
    stages: list[StageCost]
    hours_here: list[float]
    """For each stage, on the CPU cores of this machine."""
    hours_h100: list[float]
    cores: int
    disk: dict[str, float]
    """Bytes by what they hold."""
    memory: float
    """Bytes of the largest job."""
    gpu_memory: float | None
    """Bytes of one training on a GPU; None where the towers are not known to be transformers."""
    counted: bool
    """Whether the numbers of images and captions are known."""
    unknown: list[str]
    """Benchmarks whose size is not known."""
    unverified: list[str]
    """Benchmarks whose size was not compared with their files."""


def estimate(experiment: Experiment) -> Estimate:
    """The plan of an experiment; reads receipts and results where they exist, and downloads nothing."""
    needed = needed_downloads(experiment)
    downloads = None if needed.root is None else plan_of(needed.entries, needed.root)
    splits = splits_of(experiment)
    pretrain = experiment.pretrain
    model = model_cost(pretrain.model, pretrain.frozen if pretrain.cache_frozen else ())
    stages = stage_costs(experiment, needed, splits or {}, model)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    transfer = 0.0 if downloads is None else downloads.fetch / RATE / 3600
    return Estimate(
        experiment=experiment,
        downloads=downloads,
        stages=stages,
        hours_here=[transfer, *(seconds_of_core(cost, experiment) / cores / 3600 for cost in stages[1:])],
        hours_h100=[transfer, *(_hours_h100(cost) for cost in stages[1:])],
        cores=cores,
        disk=_disk(experiment, downloads, splits or {}, model),
        memory=_memory(splits or {}),
        gpu_memory=None if model is None else _gpu_memory(experiment, model),
        counted=splits is not None,
        unknown=encoded(experiment, splits or {})[2],
        unverified=unverified(experiment),
    )


def seconds_of_core(cost: StageCost, experiment: Experiment) -> float:
    """CPU seconds of a stage."""
    training, encoding = flops_of_core(experiment)
    return cost.cpu_seconds + cost.train_flops / training + cost.encode_flops / encoding


def _hours_h100(cost: StageCost) -> float:
    gpu = rates().h100
    computing = cost.train_flops / gpu.train_flops.value + cost.encode_flops / gpu.encode_flops.value
    return (cost.cpu_seconds / gpu.cores.value + computing) / 3600


def _disk(
    experiment: Experiment,
    downloads: Plan | None,
    splits: dict[str, Count],
    model: ModelCost | None,
) -> dict[str, float]:
    """Downloads and results; the states of trainings exist while these run."""
    found: dict[str, float] = {}
    if downloads is not None:
        found["downloads, archives included"] = downloads.disk
    if model is not None:
        images = splits["train"].images if "train" in splits else 0
        runs = len(experiment.arms) * len(experiment.seeds)
        encoded_images, texts, _ = encoded(experiment, splits)
        found["image store"] = 3.0 * images * model.side**2
        if model.cached is not None:
            states = cached_texts(experiment, splits) * tokens_of(0, whole=True) * model.cached.token_bytes
            found["features of frozen parts"] = (images + encoded_images) * model.cached.image_bytes + states
        found["checkpoints"] = float(runs * model.parameters * _WEIGHT)
        found["states of one training"] = float(_STATES * model.parameters * (_STATE - _WEIGHT))
        found["embeddings"] = 2048.0 * runs * (encoded_images + texts)
    return found


def _memory(splits: dict[str, Count]) -> float:
    captions = splits["train"].captions if "train" in splits else 0
    return rates().memory["job"].value + captions * rates().memory["caption"].value


def _gpu_memory(experiment: Experiment, model: ModelCost) -> float | None:
    """Weights, gradients, moments, and activations of one chunk of the batch."""
    if not model.image_units or not model.token_units:
        return None
    shared = experiment.pretrain
    tokens = max(tokens_of(arm.num_negatives) for arm in experiment.arms.values())
    images = shared.batch_size / shared.grad_cache_chunks
    width = 1 if shared.precision == "bf16" else 2
    activations = width * rates().memory["activation"].value * images * (model.image_units + tokens * model.token_units)
    return model.parameters * _STATE + activations
