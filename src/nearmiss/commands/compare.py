"""Commands of stage `compare`: the page with its tables, and MLflow's record."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import Fields, Many, SomeOrNone, app, fields_help
from nearmiss.fields import build, flags, source
from nearmiss.stages.compare.config import CompareConfig


@app.command(help_epilogue=fields_help((CompareConfig, "")))
def compare(
    *fields: Fields,
    evaluations: Many,
    out: Path,
    experiment: str = "comparison",
    trainings: SomeOrNone = None,
    negatives: SomeOrNone = None,
    data: Path | None = None,
    finetunings: SomeOrNone = None,
    robustnesses: SomeOrNone = None,
    inpaint: Path | None = None,
    data_root: Path | None = None,
    move: list[str] | None = None,
    config: Path | None = None,
) -> None:
    """Set runs side by side: tables, figures, a page, and a table for the terminal.

    nearmiss compare --evaluations RESULTS/a RESULTS/b --out DIR

    Parameters
    ----------
    evaluations
        Folders that the command evaluate made, of any models and benchmarks.
    out
        Folder that is made: index.html, tables, figures.
    experiment
        Name on the page.
    trainings
        Folders that the command pretrain made, the base included.
    negatives
        Folders that the command negatives made.
    data
        Folder that the command data made.
    finetunings
        Folders that the command finetune made.
    robustnesses
        Folders that the command robustness made.
    inpaint
        Folder that the command inpaint made.
    data_root
        The folder under which each benchmark has its own, for sample items with images.
    move
        A folder below the data root that lies elsewhere, as coco/val2017=/data/coco; repeat it for several.
    config
        An experiment or a fingerprint file.
    """
    given = source(config, "compare")
    values = given.experiment.compare.model_dump() if given.experiment else given.config
    section = build(CompareConfig, values, flags(fields), file=config)
    with job("compare"):
        from nearmiss.engine.benchmarks.data_root import DataRoot, moves
        from nearmiss.stages.compare.stage import run
        from nearmiss.stages.finetune.config import TITLES

        run(
            config=section,
            experiment=experiment,
            evaluations=evaluations,
            trainings=trainings or [],
            negatives=negatives or [],
            finetunings=finetunings or [],
            robustnesses=robustnesses or [],
            inpainted=inpaint,
            data=data,
            root=DataRoot(data_root, moves(move or [])),
            task_titles=TITLES,
            fingerprint=given.fingerprint,
            out=out,
        )


@app.command
def track(
    *,
    evaluations: Many,
    store: Path,
    out: Path,
    experiment: str = "comparison",
    trainings: SomeOrNone = None,
    data: Path | None = None,
    finetunings: SomeOrNone = None,
    robustnesses: SomeOrNone = None,
) -> None:
    """Record every training, fine-tuning and evaluation in the MLflow store, one run each.

    Parameters
    ----------
    evaluations, trainings, finetunings, robustnesses, data
        Folders of the finished stages.
    store
        The store, a sqlite file.
    out
        The receipt, a JSON file.
    experiment
        Name of the experiment in MLflow.
    """
    with job("track"):
        from nearmiss.stages.compare.track import run

        run(
            experiment=experiment,
            evaluations=evaluations,
            trainings=trainings or [],
            finetunings=finetunings or [],
            robustnesses=robustnesses or [],
            data=data,
            store=store,
            out=out,
        )
