"""The image store of stage pretrain: the training images at the model's size, decoded once for all runs."""

import shutil
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.manifest import Cost, verify_inputs, verify_written, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.tables import read_table
from nearmiss.engine.images.decode import check_images
from nearmiss.engine.images.store import IDS, PIXELS, write_store
from nearmiss.engine.models.architecture import named_architecture
from nearmiss.engine.models.preprocessing import preprocessing, resizing
from nearmiss.engine.models.timm_trunk import vision_configuration
from nearmiss.stages.pretrain.config import AnyModelConfig, ModelConfig, PretrainConfig, TwoTowerConfig

SPLIT = "train"


def run(
    *,
    config: PretrainConfig,
    images: Path,
    root: Path,
    out: Path,
    state: Path,
    workers: int = 1,
    fingerprint: Path | None = None,
) -> None:
    """Write the store of split train of table `images` (files relative to `root`) as the folder `out`, sorted by id.

    An interrupted run resumes from the folder `state`, which is removed at the end. Images are decoded by `workers`
    threads; the output does not depend on their number. Raises InputError, and does not change `out`, if the split is
    empty or a file is missing or damaged.
    """
    cost = Cost()
    target = OutputFolder(out, inputs=[images], roots=[root])
    inputs = verify_inputs({"images": images})
    table = read_table(images, "images").filter(pl.col("split") == SPLIT).sort("image_id")
    if table.is_empty():
        raise InputError(
            f"there are no images in split {SPLIT}",
            file=images,
            remedy="give the data source training images",
        )
    check_images(table, root)
    cut = preprocessing_of(config.model)
    files = [Path(root) / file for file in table["file"]]
    verify_written(files)
    with target as folder:
        write_store(
            folder,
            table["image_id"].to_list(),
            files,
            cut["size"],
            resizing(cut),
            state=state,
            settings=cut,
            workers=workers,
        )
        cost.counts = {"images": table.height}
        cost.write(folder)
        write_manifest(folder, stage="pretrain", fingerprint=fingerprint, inputs=inputs, outputs=[PIXELS, IDS])
    shutil.rmtree(state, ignore_errors=True)


def preprocessing_of(model: AnyModelConfig) -> dict[str, Any]:
    """The preprocessing of a model's images, which are squares."""
    if isinstance(model, ModelConfig):
        return preprocessing(model.image_size)
    if isinstance(model, TwoTowerConfig):
        return vision_configuration(model.image.model_dump())[1]
    architecture = named_architecture(model.name, model.pretrained, model.sha256)
    return {**architecture.config["preprocess_cfg"], "size": architecture.side}
