"""Commands of stage `robustness`: the corrupted images, made once, and a model's answers to them."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import Fields, Seed, app, fields_help
from nearmiss.fields import build, flags, source
from nearmiss.stages.robustness.config import RobustnessConfig


@app.command(help_epilogue=fields_help((RobustnessConfig, "")))
def corrupt(*fields: Fields, tables: Path, root: Path, out: Path, config: Path | None = None, workers: int = 1) -> None:
    """Corrupt the images of the fine-grained items once, for all models.

    Parameters
    ----------
    tables
        Folder of the data stage's tables.
    root
        Folder that the images' files are relative to.
    out
        Folder that is made: a file of pixels for each corruption and severity.
    config
        An experiment or a fingerprint file.
    workers
        Processes that corrupt; the bytes do not depend on it.
    """
    section, fingerprint = _section(config, fields)
    with job("robustness corrupted"):
        from nearmiss.stages.robustness.corrupted import run

        run(config=section, tables=tables, root=root, out=out, workers=workers, fingerprint=fingerprint)


@app.command(help_epilogue=fields_help((RobustnessConfig, "")))
def robustness(
    *fields: Fields,
    arm: str,
    seed: Seed,
    checkpoint: Path,
    corrupted: Path,
    tables: Path,
    root: Path,
    out: Path,
    negatives: Path | None = None,
    config: Path | None = None,
) -> None:
    """Score a checkpoint on corrupted images and mistyped captions, item by item.

    Parameters
    ----------
    arm, seed
        What the rows of the tables are marked with.
    checkpoint
        Checkpoint folder.
    corrupted
        Folder that the command corrupt made.
    tables
        Folder of the data stage's tables.
    root
        Folder that the images' files are relative to.
    out
        Folder that is made: scores.parquet, metrics.parquet, measurement.json.
    negatives
        Folder of the negatives the arm was trained on; marks what it has seen.
    config
        An experiment or a fingerprint file.
    """
    section, fingerprint = _section(config, fields)
    with job(f"robustness {arm} seed {seed}"):
        from nearmiss.stages.robustness.stage import run

        run(
            config=section,
            arm=arm,
            seed=seed,
            checkpoint=checkpoint,
            corrupted=corrupted,
            tables=tables,
            root=root,
            negatives=negatives,
            fingerprint=fingerprint,
            out=out,
        )


def _section(config: Path | None, fields: tuple[str, ...]) -> tuple[RobustnessConfig, Path | None]:
    given = source(config, "robustness")
    values = given.experiment.robustness.model_dump() if given.experiment else given.config
    return build(RobustnessConfig, values, flags(fields), file=config), given.fingerprint
