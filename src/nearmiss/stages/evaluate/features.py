"""Features of the benchmarks' images behind the frozen part of an image tower, computed once for all runs."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch

from nearmiss.base.device import device_of
from nearmiss.base.manifest import OF_IMAGES, Cost, verify_inputs, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.engine.benchmarks import registry
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.models.image_features import FEATURES, RECORD
from nearmiss.engine.scoring.cache import check_cache
from nearmiss.engine.scoring.encoder import Encoder
from nearmiss.engine.scoring.frozen_images import write_features_of_images
from nearmiss.engine.scoring.images import BenchmarkImages
from nearmiss.engine.scoring.model import Model
from nearmiss.stages.evaluate.config import EvaluateConfig
from nearmiss.stages.evaluate.stage import options_of


def run(
    *,
    config: EvaluateConfig,
    model: Model,
    frozen: Sequence[str],
    root: DataRoot,
    out: Path,
    state: Path,
    workers: int = 1,
    fingerprint: Path | None = None,
) -> None:
    """Write the features of all images of the benchmarks as the folder `out`: features/, features.json.

    `frozen` names the frozen weights of `model`, in the syntax of `freeze`; every run with the same weights can read
    the features. Batches are computed by `workers` threads; the output does not depend on their number. An interrupted
    run resumes from the folder `state`. Raises InputError where the frozen part cannot be cached.
    """
    cost = Cost()
    target = OutputFolder(out, inputs=[*root.inputs(), model.folder], roots=[root.path("source")])
    check_cache(state)
    torch.set_num_threads(1)  # a batch is computed by one of the workers
    inputs = verify_inputs({"checkpoint": model.folder})
    options = options_of(config)
    names = config.benchmarks if config.benchmarks is not None else registry.existing(root, options)
    benchmarks = registry.load(names, root, options)[0]
    images = BenchmarkImages(benchmarks, root, state)
    encoder = Encoder(model.name, model.pretrained, device=device_of(config.device, key="evaluate.device").type)
    with target as folder:
        shards = state / FEATURES
        count = write_features_of_images(folder, encoder, frozen, images, state=shards, workers=workers)
        cost.counts = {"images": count}
        cost.write(folder)
        inputs |= {f"{each.name}{OF_IMAGES}": images.digest(each) for each in benchmarks}
        write_manifest(folder, stage="evaluate", fingerprint=fingerprint, inputs=inputs, outputs=[FEATURES, RECORD])
    shutil.rmtree(state, ignore_errors=True)
