"""Command of stage `finetune`."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import Fields, Seed, app, fields_help
from nearmiss.fields import build, flags, source
from nearmiss.stages.finetune.config import FinetuneConfig


@app.command(help_epilogue=fields_help((FinetuneConfig, "")))
def finetune(
    *fields: Fields,
    arm: str,
    seed: Seed,
    checkpoint: Path,
    tables: Path,
    root: Path,
    out: Path,
    config: Path | None = None,
) -> None:
    """Fine-tune one initialization on the downstream tasks, with the same budget and search for each.

    Parameters
    ----------
    arm
        The initialization: an arm's name, or `scratch` for random weights.
    seed
        Training seed.
    checkpoint
        Checkpoint folder; of `scratch` it gives the architecture and the tokenizer alone.
    tables
        Folder of the data stage's tables.
    root
        Folder that the images' files are relative to.
    out
        Folder that is made: predictions.parquet, metrics.parquet, curve.jsonl, search.json.
    config
        An experiment or a fingerprint file.
    """
    given = source(config, "finetune")
    values = given.experiment.finetune.model_dump() if given.experiment else given.config
    section = build(FinetuneConfig, values, flags(fields), file=config)
    with job(f"finetune {arm} seed {seed}"):
        from nearmiss.stages.finetune.stage import run

        run(
            config=section,
            arm=arm,
            seed=seed,
            checkpoint=checkpoint,
            tables=tables,
            root=root,
            fingerprint=given.fingerprint,
            out=out,
        )
