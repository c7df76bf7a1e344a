"""Commands of stage `pretrain`: the image store, and a training."""

import os
import sys
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.memory import keep_freed_memory
from nearmiss.base.progress import job
from nearmiss.commands.app import STAGES, Config, Fields, Fingerprint, Overrides, Seed, app, fields_help
from nearmiss.commands.inputs import check_inputs
from nearmiss.fields import Source, flags, source
from nearmiss.stages.pretrain.config import ArmConfig, PretrainConfig, default_arms


@app.command(show=False, help_epilogue=fields_help((PretrainConfig, "")))
def store(
    *fields: Fields,
    images: Path,
    root: Path,
    out: Path,
    state: Path,
    workers: int = 1,
    config: Config = None,
    set_: Overrides = None,
    fingerprint: Fingerprint = None,
) -> None:
    """Decode the training images into a memory-mapped store at the model's size.

    nearmiss store --images data/tables/images.parquet --root data --state state --out store

    Parameters
    ----------
    images
        Table of images.
    root
        Folder that the files in the table are relative to.
    out
        Output folder: pixels, image_ids.json.
    state
        Folder of completed shards, removed after success; a killed run continues with the others.
    workers
        Number of threads that decode. The output does not depend on it.
    """
    given = source("pretrain", config=config, fingerprint=fingerprint, overrides=set_, reads=("pretrain.model",))
    over = flags(fields)
    if unread := sorted(over.keys() - {"model"}):
        raise InputError(f"--{unread[0]} has no effect on the store", remedy="leave the flag out")
    section = given.section(PretrainConfig, over)
    with job("pretrain store"):
        from nearmiss.stages.pretrain.store import run

        run(
            config=section,
            images=images,
            root=root,
            out=out,
            state=state,
            workers=workers,
            fingerprint=fingerprint,
        )


@app.command(show=False, help_epilogue=fields_help((PretrainConfig, "")))
def features(
    *fields: Fields,
    store: Path,
    out: Path,
    state: Path,
    captions: Path | None = None,
    negatives: Path | None = None,
    workers: int = 1,
    config: Config = None,
    set_: Overrides = None,
    fingerprint: Fingerprint = None,
) -> None:
    """Compute the features of a model's frozen parts once, of images, or of texts if a table is given.

    nearmiss features --store store --state state --out features

    Parameters
    ----------
    store
        Folder of the image store.
    out
        Output folder: features, features.json; of texts also tokens.npy, first.npy.
    state
        Folder of completed shards, removed after success; a killed run continues with the others.
    captions
        Table of the images' own captions.
    negatives
        Folder of a method's negatives.
    workers
        Number of threads that compute features of images. The output does not depend on it.
    """
    reads = ("pretrain.model", "pretrain.frozen", "pretrain.cache_frozen", "pretrain.device")
    given = source("pretrain", config=config, fingerprint=fingerprint, overrides=set_, reads=reads)
    section = given.section(PretrainConfig, flags(fields))
    keep_freed_memory()
    with job("pretrain features"):
        from nearmiss.stages.pretrain.features import run_images, run_texts

        common: dict[str, Any] = {"config": section, "store": store, "out": out, "state": state}
        common["fingerprint"] = fingerprint
        if captions is None and negatives is None:
            run_images(**common, workers=workers)
        else:
            run_texts(**common, captions=captions, negatives=negatives)


@app.command(group=STAGES, sort_key=4, help_epilogue=fields_help((PretrainConfig, ""), (ArmConfig, "arm.")))
def pretrain(
    *fields: Fields,
    arm: str,
    seed: Seed,
    store: Path,
    captions: Path,
    state: Path,
    out: Path,
    words: Path | None = None,
    negatives: Path | None = None,
    start: Path | None = None,
    truth: Path | None = None,
    features: list[Path] | None = None,
    config: Config = None,
    set_: Overrides = None,
    fingerprint: Fingerprint = None,
) -> None:
    """Train the base model, or continue an arm from it.

    nearmiss pretrain --arm base --seed 0 --store store --captions train.parquet --words words.txt --state s --out base

    A killed training resumes from --state. With pretrain.num_processes above 1 the command starts as many processes of
    itself, unless torchrun has started them.

    Parameters
    ----------
    arm
        Name of the arm in the configuration; `base` starts from the weights of `pretrain.model`.
    seed
        Training seed.
    store
        Folder of the image store.
    captions
        Table of the images' own captions.
    state
        Folder of the state that a killed training resumes from.
    out
        Output folder: checkpoint, curve.jsonl.
    words
        Words of the tokenizer, one a line, for a small model that is described in the configuration.
    negatives
        Folder of the arm's negatives.
    start
        Checkpoint folder that the arm continues from.
    truth
        Folder of the synthetic world's truth, for an arm with the mask `truth`.
    features
        Folder of cached features of frozen parts, with pretrain.cache_frozen; may be given several times.
    """
    reads = ("pretrain", f"arms.{arm}")
    given = source("pretrain", config=config, fingerprint=fingerprint, overrides=set_, reads=reads)
    over = flags(fields)
    arm_over = over.pop("arm", {})
    section = given.section(PretrainConfig, over, given.part("shared") if fingerprint else None)
    arm_section = given.section(ArmConfig, arm_over, _arm(given, arm, section))
    if section.num_processes > 1 and "WORLD_SIZE" not in os.environ:
        from nearmiss.engine.training.launch import run_together

        values = {"arm": arm, "seed": seed, "store": store, "captions": captions, "words": words, "state": state}
        values |= {"out": out, "negatives": negatives, "start": start, "truth": truth, "config": config}
        values |= {"fingerprint": fingerprint}
        again = [f"--{name}={value}" for name, value in values.items() if value is not None]
        again += [f"--features={folder}" for folder in features or ()]
        again += [f"--set={override}" for override in set_ or ()]
        sys.exit(run_together(section.num_processes, [sys.executable, "-m", "nearmiss", "pretrain", *again, *fields]))
    check_inputs(
        store=store, captions=captions, words=words, negatives=negatives, start=start, truth=truth, features=features
    )
    with job(f"pretrain {arm} seed {seed}"):
        from nearmiss.stages.pretrain.stage import run

        run(
            shared=section,
            arm_name=arm,
            arm=arm_section,
            seed=seed,
            store=store,
            captions=captions,
            words=words,
            negatives=negatives,
            start=start,
            state=state,
            fingerprint=fingerprint,
            out=out,
            truth=truth,
            features=features or (),
        )


def _arm(given: Source, name: str, section: PretrainConfig) -> dict[str, Any]:
    """The values of an arm: a fingerprint's, or the experiment's, or a default arm's."""
    if given.fingerprint:
        return dict(given.part("arm"))
    if given.experiment is None and "arms" in given.config:  # by overrides
        arms = given.config["arms"]
    else:
        found = given.experiment.arms if given.experiment else default_arms(section.model)
        arms = {each: config.model_dump() for each, config in found.items()}
    if name not in arms:
        raise InputError(f"unknown arm '{name}'", file=given.file, remedy=f"choose one of: {', '.join(arms)}")
    return dict(arms[name])
