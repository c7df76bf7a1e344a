"""Stage `finetune`: one initialization, fine-tuned on every downstream task at every share of its labels.

One job an initialization and seed: importing and decoding once costs less than a job a task. All initializations see
the same labels in the same order with the same budget and the same search, so that they are compared pair by pair.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from nearmiss.base.device import deterministic, device_of
from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json, write_text
from nearmiss.base.manifest import Cost, image_folder, verify_inputs, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.progress import progress
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.images.decode import check_images, open_rgb
from nearmiss.engine.models.preprocessing import resizing
from nearmiss.stages.finetune import figures
from nearmiss.stages.finetune.config import FinetuneConfig
from nearmiss.stages.finetune.examples import Examples, read_examples
from nearmiss.stages.finetune.registry import TASKS
from nearmiss.stages.finetune.task import SCRATCH, Given, Initialization, Solved, open_initialization


def run(
    *,
    config: FinetuneConfig,
    arm: str,
    seed: int,
    checkpoint: Path,
    tables: Path,
    root: Path,
    fingerprint: Path | None,
    out: Path,
) -> None:
    """Fine-tune the initialization `arm` and write the folder `out`: predictions, metrics, the curve and the search.

    `checkpoint` is its folder; of `scratch` it gives only architecture and tokenizer, the weights are drawn from the
    seed. `tables` holds the tables of stage data, `root` the folder that the files of table `images` are relative to.
    The same bits on a CPU with the same number of threads. Raises InputError before any compute where the tasks, the
    images or the checkpoint are not what they must be, and where a training diverges.
    """
    cost = Cost()
    if not config.tasks:
        raise InputError(
            "there is no downstream task to fine-tune on",
            record="finetune.tasks",
            remedy=f"name at least one of {', '.join(TASKS)}",
        )
    device = device_of(config.device, key="finetune.device")
    target = OutputFolder(out, inputs=[checkpoint, tables], roots=[root])
    named_tasks: list[str] = [options.task for options in config.tasks]
    inputs = verify_inputs(_inputs(arm, Path(checkpoint), Path(tables), Path(root), named_tasks))
    images = read_table(Path(tables) / "images.parquet", "images")
    known = images["image_id"].to_list()
    tasks = [(TASKS[options.task], options) for options in config.tasks]
    texts = any(task.texts for task, _ in tasks)
    examples = {task.name: read_examples(tables, task.name, texts=task.texts, known=known) for task, _ in tasks}
    shown = images.filter(pl.col("image_id").is_in({i for one in examples.values() for i in one.images}))
    check_images(shown, Path(root))
    start = open_initialization(checkpoint, arm, seed, texts=texts)
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # required for deterministic cuBLAS

    solved: dict[str, Solved] = {}
    with deterministic(config.threads), threadpool_limits(config.threads):
        for task, options in tasks:
            given = Given(
                start=start,
                examples=examples[task.name],
                pixels=_pixels(examples[task.name], shown, Path(root), start),
                shares=config.shares,
                seed=seed,
                batch_size=config.batch_size,
                device=device,
            )
            solved[task.name] = task.solve(given, options)
        named = {"model": start.name, "arm": arm, "seed": seed}
        predictions = [(examples[name], found.predictions) for name, found in solved.items()]
        predicted = pl.concat([figures.predictions(*pair, named) for pair in predictions])
        measured = pl.concat([figures.metrics(*pair, named, config, seed) for pair in predictions])

    for found in solved.values():
        for name, count in found.counts.items():
            cost.counts[name] = cost.counts.get(name, 0) + count
    cost.counts["device"] = device.type
    curve = [line for found in solved.values() for line in found.curve]
    with target as folder:
        write_table(predicted, folder / "predictions.parquet", "predictions")
        write_table(measured, folder / "metrics.parquet", "metrics")
        write_text(folder / "curve.jsonl", "".join(json.dumps(line) + "\n" for line in curve))
        write_json(folder / "search.json", {name: found.search for name, found in solved.items()})
        cost.write(folder)
        write_manifest(
            folder,
            stage="finetune",
            fingerprint=fingerprint,
            inputs=inputs,
            outputs=["curve.jsonl", "metrics.parquet", "predictions.parquet", "search.json"],
        )


def _pixels(examples: Examples, images: pl.DataFrame, root: Path, start: Initialization) -> np.ndarray:
    """The task's images as the model sees them: (images, S, S, 3) uint8, each decoded once."""
    files: dict[str, str] = dict(images.select("image_id", "file").iter_rows())
    resize = resizing(start.config["preprocess_cfg"])
    opened = progress(examples.images, what=f"decode {examples.task}")
    return np.stack([resize(open_rgb(root / files[image_id])) for image_id in opened])


def _inputs(arm: str, checkpoint: Path, tables: Path, root: Path, tasks: list[str]) -> dict[str, Any]:
    """What was read, by name; of `scratch` not the weights."""
    used = [file for file in sorted(checkpoint.iterdir()) if arm != SCRATCH or file.suffix != ".safetensors"]
    return {
        **{f"checkpoint/{file.name}": file for file in used if file.is_file()},
        **{f"tables/{name}": tables / f"{name}.parquet" for name in ("images", *(f"examples_{t}" for t in tasks))},
        "images": image_folder(root),
    }
