"""The stages' verbs. Heavy imports stand inside them.

A verb takes its stage's fields as flags (`--world.images.train 500`) or from `--config FILE`, an experiment or an
identity file; flags win. Inputs and outputs are paths. The workflow's rules use exactly this interface.
"""

from pathlib import Path
from typing import Annotated

import cyclopts

from nearmiss import __version__
from nearmiss.base.errors import InputError
from nearmiss.base.progress import job
from nearmiss.base.typed import Typed
from nearmiss.fields import build, described, flags, source
from nearmiss.stages.compare.config import CompareConfig
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.evaluate.config import EvaluateConfig
from nearmiss.stages.negatives.config import NegativesConfig
from nearmiss.stages.negatives.spec import KeywordConfig, RandomConfig, ReplaceConfig, SceneGraphConfig
from nearmiss.stages.pretrain.config import ArmConfig, PretrainConfig, default_arms

app = cyclopts.App(
    name="nearmiss",
    version=__version__,
    help="Reproducible experiments on hard negatives for fine-grained vision-language understanding.",
    help_format="plaintext",
)

Fields = Annotated[str, cyclopts.Parameter(allow_leading_hyphen=True, show=False)]
Many = Annotated[list[Path], cyclopts.Parameter(consume_multiple=True, negative="")]


METHODS = (RandomConfig, KeywordConfig, SceneGraphConfig, ReplaceConfig)


def _fields(*sections: tuple[type[Typed], str]) -> str:
    """The help of several sections, each under the first line of its docstring."""
    return "\n\n".join(f"{_title(model)}\n\n{described(model, prefix)}" for model, prefix in sections)


def _title(model: type[Typed]) -> str:
    return f"Fields: {(model.__doc__ or '').splitlines()[0]}"


@app.command(help_epilogue=_fields((DataConfig, "")))
def data(*fields: Fields, out: Path, config: Path | None = None, workers: int = 1) -> None:
    """Publish the embedded world's files and read them back into tables.

    Parameters
    ----------
    out
        Folder that is made: published, truth, tables.
    config
        An experiment or an identity file.
    workers
        Processes that draw; the bytes do not depend on it.
    """
    given = source(config, "data")
    values = given.experiment.data.model_dump() if given.experiment else given.config
    section = build(DataConfig, values, flags(fields), file=config)
    with job("data"):
        from nearmiss.stages.data.stage import run

        run(config=section, out=out, workers=workers, identity=given.identity)


@app.command(help_epilogue=_fields(*((method, "") for method in METHODS)))
def negatives(
    *fields: Fields,
    method: str,
    captions: Path,
    out: Path,
    images: Path | None = None,
    objects: Path | None = None,
    relations: Path | None = None,
    reserved: Path | None = None,
    config: Path | None = None,
    seed: int | None = None,
) -> None:
    """Make hard negatives of captions by one method; every rejected candidate is kept with its reason.

    Parameters
    ----------
    method
        A method's name in the configuration (random, keyword, scene_graph, replace); its fields are flags.
    captions
        The table of captions.
    out
        Folder that is made: negatives.parquet, rejected.parquet, summary.json.
    images, objects, relations
        The annotation tables; without images all captions are read, without objects nothing contradicts a negative.
    reserved
        Combinations that no negative may mention.
    config
        An experiment or an identity file.
    seed
        Seed of every draw; the configuration's if not given.
    """
    given = source(config, "negatives")
    if given.identity:
        shared, options = given.config["shared"], given.config["method"]
    else:
        stage = given.experiment.negatives if given.experiment else NegativesConfig()
        if method not in stage.methods:
            raise InputError(
                f"unknown method '{method}'", file=config, remedy=f"choose one of: {', '.join(stage.methods)}"
            )
        shared, options = stage.model_dump(), stage.methods[method].model_dump()
    whole = build(NegativesConfig, {"methods": {method: options}}, {"methods": {method: flags(fields)}}, file=config)
    with job(f"negatives {method}"):
        from nearmiss.stages.negatives.stage import run

        run(
            name=method,
            config=whole.methods[method],
            seed=shared["seed"] if seed is None else seed,
            captions=captions,
            images=images,
            objects=objects,
            relations=relations,
            reserved=reserved,
            out=out,
            identity=given.identity,
        )


@app.command(name="negatives-truth")
def negatives_truth(*, negatives: Path, truth: Path, out: Path) -> None:
    """Count false negatives: every negative is judged by the world's hidden truth.

    Parameters
    ----------
    negatives
        A folder that the verb negatives made.
    truth
        The world's truth folder.
    out
        The report, a JSON file.
    """
    with job(f"negatives-truth {negatives.name}"):
        from nearmiss.stages.negatives.truth_report import report

        report(negatives=negatives, truth=truth, out=out)


@app.command(help_epilogue=_fields((PretrainConfig, "")))
def store(*fields: Fields, images: Path, root: Path, out: Path, config: Path | None = None) -> None:
    """Decode the training images once into a memory-mapped store of the model's size.

    Parameters
    ----------
    images
        The table of images.
    root
        Folder that the table's files are relative to.
    out
        Folder that is made: pixels.npy, image_ids.json.
    config
        An experiment or an identity file.
    """
    given = source(config, "pretrain")
    values = given.experiment.pretrain.model_dump() if given.experiment else given.config
    section = build(PretrainConfig, values, flags(fields), file=config)
    with job("pretrain store"):
        from nearmiss.stages.pretrain.store import run

        run(config=section, images=images, root=root, out=out, identity=given.identity)


@app.command(help_epilogue=_fields((PretrainConfig, ""), (ArmConfig, "arm.")))
def pretrain(
    *fields: Fields,
    arm: str,
    seed: int,
    store: Path,
    captions: Path,
    words: Path,
    state: Path,
    out: Path,
    negatives: Path | None = None,
    start: Path | None = None,
    config: Path | None = None,
) -> None:
    """Train the base from random weights, or continue an arm from it; a killed training goes on where it was.

    Parameters
    ----------
    arm
        Name of the arm in the configuration; `base` starts from random weights.
    seed
        Training seed.
    store
        Folder of the image store.
    captions
        The table of the images' own captions.
    words
        Every word of the tokenizer, one a line.
    state
        Folder for the state that a killed training resumes from.
    out
        Folder that is made: checkpoint, curve.jsonl.
    negatives
        Folder of the arm's negatives.
    start
        Checkpoint folder that the arm continues from.
    config
        An experiment or an identity file.
    """
    given = source(config, "pretrain")
    if given.identity:
        shared, values = given.config["shared"], given.config["arm"]
    else:
        arms = given.experiment.arms if given.experiment else default_arms()
        if arm not in arms:
            raise InputError(f"unknown arm '{arm}'", file=config, remedy=f"choose one of: {', '.join(arms)}")
        shared = given.experiment.pretrain.model_dump() if given.experiment else {}
        values = arms[arm].model_dump()
    over = flags(fields)
    arm_over = over.pop("arm", {})
    section = build(PretrainConfig, shared, over, file=config)
    arm_section = build(ArmConfig, values, arm_over, file=config)
    with job(f"pretrain {arm} seed {seed}"):
        from nearmiss.stages.pretrain.stage import run

        run(
            shared=section,
            arm_name=arm,
            arm=arm_section,
            seed=seed,
            store=store,
            captions=captions,
            words=words,
            negatives=negatives,
            start=start,
            state=state,
            identity=given.identity,
            out=out,
        )


@app.command(help_epilogue=_fields((EvaluateConfig, "")))
def evaluate(
    *fields: Fields,
    arm: str,
    seed: int,
    checkpoint: Path,
    tables: Path,
    root: Path,
    out: Path,
    negatives: Path | None = None,
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
            identity=given.identity,
            out=out,
        )


@app.command(help_epilogue=_fields((CompareConfig, "")))
def compare(
    *fields: Fields,
    experiment: str,
    evaluations: Many,
    trainings: Many,
    negatives: Many,
    data: Path,
    out: Path,
    config: Path | None = None,
) -> None:
    """Set all runs side by side: tables, figures, a page, and a table for the terminal.

    Parameters
    ----------
    experiment
        Name on the page.
    evaluations
        Folders that the verb evaluate made.
    trainings
        Folders that the verb pretrain made, the base included.
    negatives
        Folders that the verb negatives made.
    data
        Folder that the verb data made.
    out
        Folder that is made: index.html, tables, figures.
    config
        An experiment or an identity file.
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
            data=data,
            identity=given.identity,
            out=out,
        )


@app.command
def track(*, experiment: str, evaluations: Many, trainings: Many, data: Path, store: Path, out: Path) -> None:
    """Record every training and evaluation in the MLflow store, one run each.

    Parameters
    ----------
    experiment
        Name of the experiment in MLflow.
    evaluations, trainings, data
        Folders of the finished stages.
    store
        The store, a sqlite file.
    out
        The receipt, a JSON file.
    """
    with job("track"):
        from nearmiss.stages.compare.track import run

        run(experiment=experiment, evaluations=evaluations, trainings=trainings, data=data, store=store, out=out)
