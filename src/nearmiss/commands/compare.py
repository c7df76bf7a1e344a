"""Commands of stage `compare`: the page with its tables, and MLflow's record."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import Fields, Many, SomeOrNone, app, fields_help
from nearmiss.fields import build, flags, source
from nearmiss.stages.compare.config import CompareConfig


@app.command(help_epilogue=fields_help((CompareConfig, "")))
def compare(
    *fields: Fields,
    experiment: str,
    evaluations: Many,
    trainings: Many,
    negatives: Many,
    data: Path,
    out: Path,
    finetunings: SomeOrNone = None,
    robustnesses: SomeOrNone = None,
    inpaint: Path | None = None,
    config: Path | None = None,
) -> None:
    """Set all runs side by side: tables, figures, a page, and a table for the terminal.

    Parameters
    ----------
    experiment
        Name on the page.
    evaluations
        Folders that the command evaluate made.
    trainings
        Folders that the command pretrain made, the base included.
    negatives
        Folders that the command negatives made.
    data
        Folder that the command data made.
    out
        Folder that is made: index.html, tables, figures.
    finetunings
        Folders that the command finetune made.
    robustnesses
        Folders that the command robustness made.
    inpaint
        Folder that the command inpaint made.
    config
        An experiment or a fingerprint file.
    """
    given = source(config, "compare")
    values = given.experiment.compare.model_dump() if given.experiment else given.config
    section = build(CompareConfig, values, flags(fields), file=config)
    with job("compare"):
        from nearmiss.stages.compare.stage import run

        run(
            config=section,
            experiment=experiment,
            evaluations=evaluations,
            trainings=trainings,
            negatives=negatives,
            finetunings=finetunings or [],
            robustnesses=robustnesses or [],
            inpaint=inpaint,
            data=data,
            fingerprint=given.fingerprint,
            out=out,
        )


@app.command
def track(
    *,
    experiment: str,
    evaluations: Many,
    trainings: Many,
    data: Path,
    store: Path,
    out: Path,
    finetunings: SomeOrNone = None,
    robustnesses: SomeOrNone = None,
) -> None:
    """Record every training, fine-tuning and evaluation in the MLflow store, one run each.

    Parameters
    ----------
    experiment
        Name of the experiment in MLflow.
    evaluations, trainings, finetunings, robustnesses, data
        Folders of the finished stages.
    store
        The store, a sqlite file.
    out
        The receipt, a JSON file.
    """
    with job("track"):
        from nearmiss.stages.compare.track import run

        run(
            experiment=experiment,
            evaluations=evaluations,
            trainings=trainings,
            finetunings=finetunings or [],
            robustnesses=robustnesses or [],
            data=data,
            store=store,
            out=out,
        )
