"""Commands of stage `robustness`: the corrupted images, written once, and a model's scores on them."""

import shutil
from pathlib import Path

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
from nearmiss.commands.scoring import embeddings
from nearmiss.fields import flags, source
from nearmiss.stages.robustness.config import RobustnessConfig


@app.command(show=False, help_epilogue=fields_help((RobustnessConfig, "")))
def corrupt(
    *fields: Fields,
    out: Path,
    data_root: DataRootPath = None,
    move: Moved = None,
    cache: Path | None = None,
    state: Path | None = None,
    workers: int = 1,
    config: Config = None,
    set_: Overrides = None,
    fingerprint: Fingerprint = None,
) -> None:
    """Write corrupted copies of the benchmarks' images, once for all models.

    nearmiss corrupt --data-root DATA --out corrupted

    Parameters
    ----------
    out
        Output folder: a file of pixels for each corruption and severity.
    cache
        Folder of the hashes of image files; .nearmiss-embeddings if not given.
    state
        Folder of such hashes in place of --cache, removed after success.
    workers
        Number of processes. The output does not depend on it.
    """
    given = source("robustness", config=config, fingerprint=fingerprint, overrides=set_)
    section = given.section(RobustnessConfig, flags(fields))
    kept = embeddings(cache, state)
    keep_freed_memory()
    with job("robustness corrupted"):
        from nearmiss.engine.benchmarks.data_root import DataRoot, moves
        from nearmiss.stages.robustness.corrupted import run

        run(
            config=section,
            root=DataRoot(data_root, moves(move or [])),
            out=out,
            cache=kept,
            workers=workers,
            fingerprint=fingerprint,
        )
    if state is not None:
        shutil.rmtree(state, ignore_errors=True)


@app.command(group=STAGES, sort_key=7, help_epilogue=fields_help((RobustnessConfig, ""), without=("seed",)))
def robustness(
    *fields: Fields,
    model: str,
    corrupted: Path,
    out: Path,
    pretrained: str | None = None,
    data_root: DataRootPath = None,
    move: Moved = None,
    training_negatives: Path | None = None,
    training_captions: Path | None = None,
    cache: Path | None = None,
    state: Path | None = None,
    arm: str | None = None,
    seed: Seed | None = None,
    config: Config = None,
    set_: Overrides = None,
    fingerprint: Fingerprint = None,
) -> None:
    """Score a model on corrupted images and on corrupted captions.

    nearmiss robustness --model ViT-B-32 --pretrained openai --corrupted corrupted --data-root DATA --out DIR

    Parameters
    ----------
    model
        Model: open_clip's name, local-dir:FOLDER, hf-hub:ORGANIZATION/NAME; hf:ORGANIZATION/NAME or a folder for CLIP,
        SigLIP, SigLIP 2 and BLIP of transformers; or the folder of an experiment's run.
    corrupted
        Folder of `nearmiss corrupt`, with the corrupted images.
    out
        Output folder: scores.parquet, metrics.parquet, measurement.json.
    pretrained
        Tag of open_clip's, or a file of weights.
    training_negatives
        Negatives that the model was trained on, a table or a method's folder; marks what the model has seen.
    training_captions
        Table of captions for the plausibility baselines.
    cache
        Folder of embeddings by the model's hash, so that nothing is encoded twice; .nearmiss-embeddings if not given.
    state
        Folder of embeddings in place of --cache, removed after success; a killed run continues from it.
    arm
        Arm in the rows of the tables; the model's name, or the run's arm, if not given.
    seed
        Seed in the rows of the tables; 0, or the run's seed, if not given. Corruptions have robustness.seed (--set).
    """
    given = source("robustness", config=config, fingerprint=fingerprint, overrides=set_)
    section = given.section(RobustnessConfig, flags(fields))
    kept = embeddings(cache, state)
    keep_freed_memory()
    check_inputs(
        model=folder_of_model(model),
        corrupted=corrupted,
        data_root=data_root,
        training_negatives=training_negatives,
        training_captions=training_captions,
    )
    with job(f"robustness {model}"):
        from nearmiss.engine.benchmarks.data_root import DataRoot, moves
        from nearmiss.engine.scoring.model import parse_model
        from nearmiss.stages.robustness.stage import run

        run(
            config=section,
            model=parse_model(model, pretrained, arm, seed),
            corrupted=corrupted,
            root=DataRoot(data_root, moves(move or [])),
            out=out,
            cache=kept,
            negatives=training_negatives,
            captions=training_captions,
            fingerprint=fingerprint,
        )
    if state is not None:
        shutil.rmtree(state, ignore_errors=True)
