"""Command `nearmiss benchmarks interpolate`: a job of stage `evaluate` that scores weights between two checkpoints."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from nearmiss.base.memory import keep_freed_memory
from nearmiss.base.progress import job
from nearmiss.commands.app import (
    Config,
    DataRootPath,
    Fields,
    Fingerprint,
    Moved,
    Overrides,
    Seed,
    fields_help,
)
from nearmiss.commands.app import benchmarks as group
from nearmiss.commands.evaluate import INCOMPLETE
from nearmiss.commands.inputs import check_inputs, folder_of_model
from nearmiss.commands.scoring import evaluation_section
from nearmiss.fields import source
from nearmiss.stages.evaluate.config import EvaluateConfig


@group.command(help_epilogue=fields_help((EvaluateConfig, ""), without=("data_root", "missing")))
def interpolate(
    *fields: Fields,
    base: str,
    model: str,
    out: Path,
    pretrained: str | None = None,
    data_root: DataRootPath = None,
    move: Moved = None,
    features: Path | None = None,
    training_negatives: Path | None = None,
    training_captions: Path | None = None,
    missing: Literal["report", "refuse", "allow"] | None = None,
    state: Path | None = None,
    arm: str | None = None,
    seed: Seed | None = None,
    config: Config = None,
    set_: Overrides = None,
    fingerprint: Fingerprint = None,
) -> None:
    """Score the weights between a model and the one that its training began from (WiSE-FT).

    nearmiss benchmarks interpolate --base ViT-B-32 --model local-dir:DIR --interpolation [0,0.5,1] --out DIR

    The exit status is 0 where everything was scored, and 3 where images, files or records are missing.

    Parameters
    ----------
    base
        Model that the training began from: open_clip's name, local-dir:FOLDER, or the folder of an experiment's run.
    model
        Trained model: local-dir:FOLDER, or the folder of an experiment's run.
    out
        Output folder: interpolation.parquet and interpolation.json.
    pretrained
        Tag of open_clip's, or a file of weights, of the base.
    features
        Folder of the images' features behind the frozen part of the image tower (`nearmiss benchmark-features`).
    training_negatives
        Negatives that the model was trained on, for the blind baselines.
    training_captions
        Table of captions for the blind baselines.
    missing
        What to do where images or files are missing, as for `nearmiss evaluate`.
    state
        Folder of checkpoints and embeddings, removed after success; a temporary one if not given.
    arm
        Arm in the rows of the table; the run's arm, or the folder's name, if not given.
    seed
        Seed in the rows of the table; the run's seed, or 0, if not given.
    """
    given = source("evaluate", config=config, fingerprint=fingerprint, overrides=set_)
    section = evaluation_section(given, fields, data_root=data_root, missing=missing)
    keep_freed_memory()
    check_inputs(
        base=folder_of_model(base),
        model=folder_of_model(model),
        data_root=section.data_root,
        features=features,
        training_negatives=training_negatives,
        training_captions=training_captions,
    )
    with job(f"interpolate {model}"), TemporaryDirectory() as temporary:
        from nearmiss.engine.benchmarks.data_root import DataRoot, moves
        from nearmiss.engine.scoring.model import parse_model
        from nearmiss.stages.evaluate.interpolation import TABLE, run

        record = run(
            config=section,
            base=parse_model(base, pretrained),
            arm=parse_model(model, None, arm, seed),
            root=DataRoot(None if section.data_root is None else Path(section.data_root), moves(move or [])),
            out=out,
            state=Path(temporary) / "state" if state is None else state,
            features=features,
            negatives=training_negatives,
            captions=training_captions,
            fingerprint=fingerprint,
        )
    print(f"{len(record['weights'])} shares of the weights: {out / TABLE}")
    print(f"chosen: {record['chosen']}; {record['rule']}")
    if not record["complete"] and section.missing != "allow":
        sys.exit(INCOMPLETE)
