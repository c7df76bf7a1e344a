"""Verb of stage `evaluate`."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.fields import build, flags, source
from nearmiss.stages.evaluate.config import EvaluateConfig
from nearmiss.verbs.app import Fields, app, fields_help


@app.command(help_epilogue=fields_help((EvaluateConfig, "")))
def evaluate(
    *fields: Fields,
    arm: str,
    seed: int,
    checkpoint: Path,
    tables: Path,
    root: Path,
    out: Path,
    negatives: Path | None = None,
    inpaint: Path | None = None,
    config: Path | None = None,
) -> None:
    """Score a checkpoint on the benchmarks, item by item.

    Parameters
    ----------
    arm, seed
        What the rows of the tables are marked with.
    checkpoint
        Checkpoint folder.
    tables
        Folder of the data stage's tables.
    root
        Folder that the images' files are relative to.
    out
        Folder that is made: scores.parquet, metrics.parquet.
    negatives
        Folder of the negatives the arm was trained on; marks what it has seen.
    inpaint
        The pairs of benchmark inpaintcoco, a Parquet file in InpaintCOCO's schema.
    config
        An experiment or an identity file.
    """
    given = source(config, "evaluate")
    values = given.experiment.evaluate.model_dump() if given.experiment else given.config
    section = build(EvaluateConfig, values, flags(fields), file=config)
    with job(f"evaluate {arm} seed {seed}"):
        from nearmiss.stages.evaluate.stage import run

        run(
            config=section,
            arm=arm,
            seed=seed,
            checkpoint=checkpoint,
            tables=tables,
            root=root,
            negatives=negatives,
            inpaint=inpaint,
            identity=given.identity,
            out=out,
        )
