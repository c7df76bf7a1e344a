"""Verbs of stage `negatives`: the generators, and the report of false negatives."""

from pathlib import Path

from nearmiss.base.errors import InputError
from nearmiss.base.progress import job
from nearmiss.fields import build, flags, source
from nearmiss.stages.negatives.config import NegativesConfig
from nearmiss.stages.negatives.spec import KeywordConfig, RandomConfig, ReplaceConfig, SceneGraphConfig, SwapConfig
from nearmiss.verbs.app import Fields, app, fields_help

METHODS = (RandomConfig, KeywordConfig, SceneGraphConfig, ReplaceConfig, SwapConfig)


@app.command(help_epilogue=fields_help(*((method, "") for method in METHODS)))
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
        A method's name in the configuration (random, keyword, scene_graph, replace, swap); its fields are flags.
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
