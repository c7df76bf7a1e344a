"""Command of stage `finetune`."""

from pathlib import Path
from tempfile import TemporaryDirectory

from nearmiss.base.errors import InputError
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
    out: Path,
    tables: Path | None = None,
    root: Path | None = None,
    data_root: Path | None = None,
    config: Config = None,
    set_: Overrides = None,
    fingerprint: Fingerprint = None,
) -> None:
    """Fine-tune a checkpoint on downstream tasks.

    nearmiss finetune --arm hnc --seed 0 --checkpoint hnc/checkpoint --tables data/tables --root data --out tasks

    Every initialization has the same budget and the same search for hyperparameters.

    nearmiss finetune --checkpoint DIR --arm ARM --seed 0 --data-root DIR --tasks vsr_random,vsr_zeroshot --out DIR

    Parameters
    ----------
    arm
        Initialization: an arm's name, or `scratch` for random weights.
    seed
        Training seed.
    checkpoint
        Checkpoint folder; for `scratch` only its architecture and tokenizer are used.
    out
        Output folder: predictions.parquet, metrics.parquet, curve.jsonl, search.json.
    tables
        Folder of the tables of stage data, with --root.
    root
        Folder that the files in the table of images are relative to.
    data_root
        Folder of published files, in place of --tables and --root: vsr/random, vsr/zeroshot, vsr/images, imagefolder.
    """
    given = source("finetune", config=config, fingerprint=fingerprint, overrides=set_)
    section = given.section(FinetuneConfig, flags(fields))
    if (data_root is None) == (tables is None or root is None) or (data_root and (tables or root)):
        raise InputError(
            "the examples come from the tables of an experiment or from published files",
            record="--tables, --root, --data-root",
            remedy="give --tables and --root, or --data-root",
        )
    check_inputs(checkpoint=checkpoint, tables=tables, root=root, data_root=data_root)
    with job(f"finetune {arm} seed {seed}"), TemporaryDirectory() as temporary:
        from nearmiss.stages.finetune.published import write_tables
        from nearmiss.stages.finetune.stage import run

        if data_root is not None:
            write_tables(section.tasks, data_root, Path(temporary))
        run(
            config=section,
            arm=arm,
            seed=seed,
            checkpoint=checkpoint,
            tables=tables or Path(temporary),
            root=root or data_root or Path(),
            fingerprint=fingerprint,
            out=out,
        )
