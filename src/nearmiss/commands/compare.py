"""Commands of stage `compare`: the report with its tables, and the runs in MLflow's store."""

from pathlib import Path

from nearmiss.base.progress import job
from nearmiss.commands.app import (
    STAGES,
    Config,
    DataRootPath,
    Fields,
    Fingerprint,
    Many,
    Moved,
    Overrides,
    SomeOrNone,
    app,
    fields_help,
)
from nearmiss.commands.inputs import check_inputs
from nearmiss.fields import flags, source
from nearmiss.stages.compare.config import CompareConfig


@app.command(group=STAGES, sort_key=8, help_epilogue=fields_help((CompareConfig, "")))
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
    interpolations: SomeOrNone = None,
    inpaint: Path | None = None,
    data_root: DataRootPath = None,
    move: Moved = None,
    config: Config = None,
    set_: Overrides = None,
    fingerprint: Fingerprint = None,
) -> None:
    """Compare runs in tables, figures and one HTML report.

    nearmiss compare --evaluations RESULTS/a RESULTS/b --out DIR

    Parameters
    ----------
    evaluations
        Folders of `nearmiss evaluate`, of any models and benchmarks.
    out
        Output folder: index.html, tables, figures.
    experiment
        Name in the report.
    trainings
        Folders of `nearmiss pretrain`, the base included.
    negatives
        Folders of `nearmiss negatives make`.
    data
        Folder of `nearmiss data`.
    finetunings
        Folders of `nearmiss finetune`.
    robustnesses
        Folders of `nearmiss robustness`.
    interpolations
        Folders of `nearmiss benchmarks interpolate`.
    inpaint
        Folder of `nearmiss inpaint`.
    """
    given = source("compare", config=config, fingerprint=fingerprint, overrides=set_)
    section = given.section(CompareConfig, flags(fields))
    check_inputs(
        evaluations=evaluations,
        trainings=trainings,
        negatives=negatives,
        data=data,
        finetunings=finetunings,
        robustnesses=robustnesses,
        interpolations=interpolations,
        inpaint=inpaint,
        data_root=data_root,
    )
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
            interpolations=interpolations or [],
            inpainted=inpaint,
            data=data,
            root=DataRoot(data_root, moves(move or [])),
            task_titles=TITLES,
            fingerprint=fingerprint,
            out=out,
        )


@app.command(show=False)
def track(
    *,
    evaluations: Many,
    out: Path,
    store: str | None = None,
    experiment: str = "comparison",
    trainings: SomeOrNone = None,
    data: Path | None = None,
    finetunings: SomeOrNone = None,
    robustnesses: SomeOrNone = None,
    page: Path | None = None,
) -> None:
    """Record an experiment in MLflow's store: one run per arm and seed, with a child for each stage.

    nearmiss track --experiment world --evaluations results/world/evaluate/hnc/0 --store mlflow.db --out track.json

    Parameters
    ----------
    evaluations
        Folders of `nearmiss evaluate`.
    out
        Output: the receipt, a JSON file.
    store
        Store: an SQLite file, or the address of an MLflow server. MLFLOW_TRACKING_URI if it is not given, else
        results/mlflow.db.
    experiment
        Name of the experiment in MLflow.
    trainings
        Folders of `nearmiss pretrain`.
    data
        Folder of `nearmiss data`.
    finetunings
        Folders of `nearmiss finetune`.
    robustnesses
        Folders of `nearmiss robustness`.
    page
        Folder of `nearmiss compare`, whose report and figures are recorded as artifacts.
    """
    with job("track"):
        from nearmiss.base.tracking_address import store_of
        from nearmiss.stages.compare.track import run

        run(
            experiment=experiment,
            evaluations=evaluations,
            trainings=trainings or [],
            finetunings=finetunings or [],
            robustnesses=robustnesses or [],
            data=data,
            page=page,
            store=store_of(store),
            out=out,
        )
