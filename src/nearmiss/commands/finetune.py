"""Command of stage `finetune`."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import STAGES, Config, Fields, Fingerprint, Overrides, Seed, app, fields_help
from nearmiss.commands.inputs import check_inputs
from nearmiss.fields import flags, source
from nearmiss.stages.finetune.config import FinetuneConfig


@app.command(group=STAGES, sort_key=5, help_epilogue=fields_help((FinetuneConfig, "")))
def finetune(
    *fields: Fields,
    arm: str,
    seed: Seed,
    checkpoint: Path,
    tables: Path,
    root: Path,
    out: Path,
    config: Config = None,
    set_: Overrides = None,
    fingerprint: Fingerprint = None,
) -> None:
    """Fine-tune a checkpoint on downstream tasks.

    nearmiss finetune --arm hnc --seed 0 --checkpoint hnc/checkpoint --tables data/tables --root data --out tasks

    Every initialization has the same budget and the same search for hyperparameters.

    Parameters
    ----------
    arm
        Initialization: an arm's name, or `scratch` for random weights.
    seed
        Training seed.
    checkpoint
        Checkpoint folder; for `scratch` only its architecture and tokenizer are used.
    tables
        Folder of the tables of stage data.
    root
        Folder that the files in the table of images are relative to.
    out
        Output folder: predictions.parquet, metrics.parquet, curve.jsonl, search.json.
    """
    given = source("finetune", config=config, fingerprint=fingerprint, overrides=set_)
    section = given.section(FinetuneConfig, flags(fields))
    check_inputs(checkpoint=checkpoint, tables=tables, root=root)
    with job(f"finetune {arm} seed {seed}"):
        from nearmiss.stages.finetune.stage import run

        run(
            config=section,
            arm=arm,
            seed=seed,
            checkpoint=checkpoint,
            tables=tables,
            root=root,
            fingerprint=fingerprint,
            out=out,
        )
