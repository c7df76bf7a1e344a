"""Commands of stage `robustness`: the corrupted images, made once, and a model's scores on them."""

import shutil
from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import Fields, Seed, app, fields_help
from nearmiss.fields import build, flags, source
from nearmiss.stages.robustness.config import RobustnessConfig


@app.command(help_epilogue=fields_help((RobustnessConfig, "")))
def corrupt(
    *fields: Fields,
    out: Path,
    data_root: Path | None = None,
    move: list[str] | None = None,
    cache: Path = Path(".nearmiss-embeddings"),
    state: Path | None = None,
    config: Path | None = None,
    workers: int = 1,
) -> None:
    """Corrupt the images of benchmarks once, for all models.

    Parameters
    ----------
    out
        Folder that is made: a file of pixels for each corruption and severity.
    data_root
        The folder under which each benchmark has its own, see `nearmiss benchmarks list`.
    move
        A folder below the data root that lies elsewhere, as coco/val2017=/data/coco; repeat it for several.
    cache
        Folder in which hashes of image files are kept.
    state
        Folder of such hashes in place of cache, which is removed after success.
    config
        An experiment or a fingerprint file.
    workers
        Processes that corrupt; the bytes do not depend on it.
    """
    section, fingerprint = _section(config, fields)
    with job("robustness corrupted"):
        from nearmiss.engine.benchmarks.data_root import DataRoot, moves
        from nearmiss.stages.robustness.corrupted import run

        run(
            config=section,
            root=DataRoot(data_root, moves(move or [])),
            out=out,
            cache=cache if state is None else state,
            workers=workers,
            fingerprint=fingerprint,
        )
    if state is not None:
        shutil.rmtree(state, ignore_errors=True)


@app.command(help_epilogue=fields_help((RobustnessConfig, "")))
def robustness(
    *fields: Fields,
    model: str,
    corrupted: Path,
    out: Path,
    pretrained: str | None = None,
    data_root: Path | None = None,
    move: list[str] | None = None,
    training_negatives: Path | None = None,
    training_captions: Path | None = None,
    cache: Path = Path(".nearmiss-embeddings"),
    state: Path | None = None,
    arm: str | None = None,
    seed: Seed | None = None,
    config: Path | None = None,
) -> None:
    """Score a model on corrupted images and on captions with typos, item by item.

    Parameters
    ----------
    model
        open_clip's name of a model, local-dir:FOLDER, hf-hub:ORGANIZATION/NAME, or the folder of an experiment's run.
    corrupted
        Folder that the command corrupt made.
    out
        Folder that is made: scores.parquet, metrics.parquet, measurement.json.
    pretrained
        A tag of open_clip's or a file of weights.
    data_root
        The folder under which each benchmark has its own, see `nearmiss benchmarks list`.
    move
        A folder below the data root that lies elsewhere, as coco/val2017=/data/coco; repeat it for several.
    training_negatives
        The negatives that the model was trained on: a table or a method's folder; marks what it has seen.
    training_captions
        A table of captions for the plausibility baselines.
    cache
        Folder of embeddings, kept by the model's hash, so that nothing is encoded twice.
    state
        Folder of embeddings in place of cache, which is removed after success: a killed run continues from it.
    arm, seed
        Labels of the rows of the tables; by default the model's name, or those of the run.
    config
        An experiment or a fingerprint file.
    """
    section, fingerprint = _section(config, fields)
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
            cache=cache if state is None else state,
            negatives=training_negatives,
            captions=training_captions,
            fingerprint=fingerprint,
        )
    if state is not None:
        shutil.rmtree(state, ignore_errors=True)


def _section(config: Path | None, fields: tuple[str, ...]) -> tuple[RobustnessConfig, Path | None]:
    given = source(config, "robustness")
    values = given.experiment.robustness.model_dump() if given.experiment else given.config
    return build(RobustnessConfig, values, flags(fields), file=config), given.fingerprint
