"""Commands of stage `pretrain`: the image store, and a training."""

import os
import sys
from pathlib import Path

from nearmiss.base.errors import InputError
from nearmiss.base.progress import job
from nearmiss.commands.app import Fields, Seed, app, fields_help
from nearmiss.fields import build, flags, source
from nearmiss.stages.pretrain.config import ArmConfig, PretrainConfig, default_arms


@app.command(help_epilogue=fields_help((PretrainConfig, "")))
def store(*fields: Fields, images: Path, root: Path, out: Path, config: Path | None = None) -> None:
    """Decode the training images once into a memory-mapped store of the model's size.

    Parameters
    ----------
    images
        The table of images.
    root
        Folder that the table's files are relative to.
    out
        Folder that is made: pixels.npy, image_ids.json.
    config
        An experiment or a fingerprint file.
    """
    given = source(config, "pretrain")
    values = given.experiment.pretrain.model_dump() if given.experiment else given.config
    section = build(PretrainConfig, values, flags(fields), file=config)
    with job("pretrain store"):
        from nearmiss.stages.pretrain.store import run

        run(config=section, images=images, root=root, out=out, fingerprint=given.fingerprint)


@app.command(help_epilogue=fields_help((PretrainConfig, ""), (ArmConfig, "arm.")))
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
    config: Path | None = None,
) -> None:
    """Train the base from its model's first weights, or continue an arm from it; a killed training resumes.

    With pretrain.num_processes above 1 it starts so many of itself, unless torchrun has started them.

    Parameters
    ----------
    arm
        Name of the arm in the configuration; `base` starts from the weights of `pretrain.model`.
    seed
        Training seed.
    store
        Folder of the image store.
    captions
        The table of the images' own captions.
    state
        Folder for the state that a killed training resumes from.
    out
        Folder that is made: checkpoint, curve.jsonl.
    words
        Every word of the tokenizer, one a line, for a small model of ours.
    negatives
        Folder of the arm's negatives.
    start
        Checkpoint folder that the arm continues from.
    truth
        Folder of the embedded world's scenes, for an arm with the mask `truth`.
    config
        An experiment or a fingerprint file.
    """
    given = source(config, "pretrain")
    over = flags(fields)
    arm_over = over.pop("arm", {})
    shared = given.experiment.pretrain.model_dump() if given.experiment else given.config.get("shared", {})
    section = build(PretrainConfig, shared, over, file=config)
    if given.fingerprint:
        values = given.config["arm"]
    else:
        arms = given.experiment.arms if given.experiment else default_arms(section.model)
        if arm not in arms:
            raise InputError(f"unknown arm '{arm}'", file=config, remedy=f"choose one of: {', '.join(arms)}")
        values = arms[arm].model_dump()
    arm_section = build(ArmConfig, values, arm_over, file=config)
    if section.num_processes > 1 and "WORLD_SIZE" not in os.environ:
        from nearmiss.engine.training.launch import run_together

        values = {"arm": arm, "seed": seed, "store": store, "captions": captions, "words": words, "state": state}
        values |= {"out": out, "negatives": negatives, "start": start, "truth": truth, "config": config}
        again = [f"--{name}={value}" for name, value in values.items() if value is not None]
        sys.exit(run_together(section.num_processes, [sys.executable, "-m", "nearmiss", "pretrain", *again, *fields]))
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
            fingerprint=given.fingerprint,
            out=out,
            truth=truth,
        )
