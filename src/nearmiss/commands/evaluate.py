"""Command of stage `evaluate`."""

import shutil
import sys
from pathlib import Path
from typing import Literal

from nearmiss.base.errors import InputError
from nearmiss.base.memory import keep_freed_memory
from nearmiss.base.progress import job
from nearmiss.commands.app import (
    STAGES,
    Config,
    DataRootPath,
    Fields,
    Fingerprint,
    Moved,
    Overrides,
    Seed,
    app,
    fields_help,
)
from nearmiss.commands.inputs import check_inputs, folder_of_model
from nearmiss.commands.scoring import embeddings, evaluation_section
from nearmiss.fields import flags, source
from nearmiss.stages.evaluate.config import EvaluateConfig

INCOMPLETE = 3
"""Exit status where images, files or records of a benchmark are missing."""


FIELDS = fields_help((EvaluateConfig, ""), without=("data_root", "missing", "interpolation"))


@app.command(group=STAGES, sort_key=6, help_epilogue=FIELDS)
def evaluate(
    *fields: Fields,
    model: str,
    out: Path,
    pretrained: str | None = None,
    data_root: DataRootPath = None,
    move: Moved = None,
    missing: Literal["report", "refuse", "allow"] | None = None,
    features: Path | None = None,
    training_negatives: Path | None = None,
    training_captions: Path | None = None,
    published: str | None = None,
    cache: Path | None = None,
    state: Path | None = None,
    arm: str | None = None,
    seed: Seed | None = None,
    config: Config = None,
    set_: Overrides = None,
    fingerprint: Fingerprint = None,
) -> None:
    """Score a model on benchmarks, item by item.

    nearmiss evaluate --model ViT-B-32 --pretrained openai --benchmarks sugarcrepe --data-root DIR --out DIR

    The exit status is 0 where everything was scored, and 3 where images, files or records are missing.

    Parameters
    ----------
    model
        Model: open_clip's name, local-dir:FOLDER, hf-hub:ORGANIZATION/NAME; hf:ORGANIZATION/NAME or a folder for CLIP,
        SigLIP, SigLIP 2 and BLIP of transformers; or the folder of an experiment's run.
    out
        Output folder: scores, outcomes and metrics as Parquet, and measurement.json.
    pretrained
        Tag of open_clip's, or a file of weights.
    missing
        What to do where images or files are missing; the configuration's evaluate.missing if not given. report: score
        what exists and exit with status 3; refuse: stop before the model is loaded; allow: score what exists and exit
        with status 0.
    features
        Folder of the images' features behind the frozen part of the model's image tower (`nearmiss
        benchmark-features`).
    training_negatives
        Negatives that the model was trained on, a table or a method's folder; marks what the model has seen, and fits
        a text-only classifier.
    training_captions
        Table of captions for the plausibility baselines.
    published
        Paper whose published values are shown, where the model's name does not tell it: negclip, ce_clip, openai.
    cache
        Folder of embeddings by the model's hash, so that nothing is encoded twice; .nearmiss-embeddings if not given.
    state
        Folder of embeddings in place of --cache, removed after success; a killed run continues from it.
    arm
        Arm in the rows of the tables; the model's name, or the run's arm, if not given.
    seed
        Seed in the rows of the tables; 0, or the run's seed, if not given.
    """
    given = source("evaluate", config=config, fingerprint=fingerprint, overrides=set_)
    if "interpolation" in flags(fields):
        raise InputError(
            "one model has no weights to interpolate",
            record="--interpolation",
            remedy="name its base, too: `nearmiss benchmarks interpolate --base BASE --model MODEL`",
        )
    section = evaluation_section(given, fields, data_root=data_root, missing=missing)
    kept = embeddings(cache, state)
    keep_freed_memory()
    check_inputs(
        model=folder_of_model(model),
        data_root=section.data_root,
        features=features,
        training_negatives=training_negatives,
        training_captions=training_captions,
    )
    with job(f"evaluate {model}"):
        import polars as pl

        from nearmiss.engine.benchmarks.data_root import DataRoot, moves
        from nearmiss.engine.scoring.model import parse_model
        from nearmiss.stages.evaluate.stage import METRICS, run
        from nearmiss.stages.evaluate.terminal import summary

        measurement = run(
            config=section,
            model=parse_model(model, pretrained, arm, seed),
            root=DataRoot(None if section.data_root is None else Path(section.data_root), moves(move or [])),
            out=out,
            cache=kept,
            features=features,
            negatives=training_negatives,
            captions=training_captions,
            paper=published,
            fingerprint=fingerprint,
        )
    if state is not None:
        shutil.rmtree(state, ignore_errors=True)
    print(summary(measurement, pl.read_parquet(out / METRICS, glob=False)))
    if not measurement["complete"] and section.missing != "allow":
        sys.exit(INCOMPLETE)


@app.command(show=False, help_epilogue=FIELDS)
def benchmark_features(
    *fields: Fields,
    model: str,
    frozen: list[str],
    out: Path,
    state: Path,
    data_root: DataRootPath = None,
    move: Moved = None,
    workers: int = 1,
    config: Config = None,
    set_: Overrides = None,
    fingerprint: Fingerprint = None,
) -> None:
    """Compute the features of benchmarks' images behind the frozen part of an image tower.

    nearmiss benchmark-features --model local-dir:FOLDER --frozen image --state state --out features

    Parameters
    ----------
    model
        A model that has the frozen part, as for `nearmiss evaluate`.
    frozen
        Frozen weights, in the syntax of pretrain.frozen; may be given several times.
    out
        Output folder: features, features.json.
    state
        Folder of completed shards, removed after success; a killed run continues with the others.
    workers
        Number of threads that compute. The output does not depend on it.
    """
    given = source("evaluate", config=config, fingerprint=fingerprint, overrides=set_)
    root = {} if data_root is None else {"data_root": str(data_root)}
    section = given.section(EvaluateConfig, flags(fields) | root)
    keep_freed_memory()
    with job("evaluate features"):
        from nearmiss.engine.benchmarks.data_root import DataRoot, moves
        from nearmiss.engine.scoring.model import parse_model
        from nearmiss.stages.evaluate.features import run

        run(
            config=section,
            model=parse_model(model),
            frozen=frozen,
            root=DataRoot(None if section.data_root is None else Path(section.data_root), moves(move or [])),
            out=out,
            state=state,
            workers=workers,
            fingerprint=fingerprint,
        )
