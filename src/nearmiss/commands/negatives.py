"""Commands of stage `negatives`: the generators, and what the world's truth says of their output."""

from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.progress import job
from nearmiss.commands.app import Fields, Many, Seed, app, fields_help
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.fields import Source, build, flags, source
from nearmiss.stages.negatives.config import NegativesConfig, every_method
from nearmiss.stages.negatives.spec import (
    KeywordConfig,
    MethodConfig,
    RandomConfig,
    ReplaceConfig,
    SceneGraphConfig,
    SwapConfig,
    TrainingParaphrase,
)

METHODS = (RandomConfig, KeywordConfig, SceneGraphConfig, ReplaceConfig, SwapConfig)


@app.command(help_epilogue=fields_help(*((method, "") for method in METHODS)))
def negatives(
    *fields: Fields,
    method: str,
    out: Path,
    captions: Path | None = None,
    graphs: Path | None = None,
    instances: Path | None = None,
    tables: Path | None = None,
    mode: str | None = None,
    tagger: str | None = None,
    fill: str | None = None,
    paraphrases: list[TrainingParaphrase] | None = None,
    workers: int = 1,
    seed: Seed | None = None,
    images: Path | None = None,
    objects: Path | None = None,
    relations: Path | None = None,
    reserved: Path | None = None,
    caption_set: str | None = None,
    config: Path | None = None,
) -> None:
    """Make hard negatives of captions or scene graphs by one method; what is refused is kept with its reason.

    Alone:    nearmiss negatives --captions captions.json --method keyword --out negatives.parquet
    Graphs:   nearmiss negatives --graphs graphs.json --method scene_graph --out negatives.parquet
    Workflow: --captions and annotations are Parquet tables, --out is a folder.

    A record that is wrong is set aside in rejected.parquet; the rest goes through.

    Parameters
    ----------
    method
        A method's name in the configuration (random, keyword, scene_graph, replace, swap); its fields are flags.
    out
        A folder for negatives.parquet, rejected.parquet, summary.json and the like; or a file X.parquet for the
        negatives, with X.rejected.parquet, X.summary.json and the like beside it.
    captions
        A captions file in COCO's format (JSON), or a table of captions (Parquet).
    graphs
        Scene graphs in GQA's format (JSON).
    instances
        Instances in COCO's format (JSON).
    tables
        A folder with captions.parquet, images.parquet, objects.parquet, relations.parquet.
    mode
        default (corrected) or released (as the paper's code), for a method that has both.
    tagger
        A spaCy pipeline, by name or folder; "lexicon" for the built-in one, which knows the embedded world's words.
    fill
        A masked language model, by name or folder, or "cloze" for counts on the captions themselves.
    paraphrases
        Operators of hard positives (synonym, conjunction) that are written beside, to paraphrases.parquet.
    workers
        Processes; the bytes do not depend on it.
    seed
        Seed of every draw; the configuration's if not given.
    images, objects, relations
        The annotation tables, one by one; without objects nothing contradicts a negative.
    reserved
        Combinations that no negative may mention.
    caption_set
        Set of captions, where a table has several; the configuration's if not given.
    config
        An experiment or a fingerprint file.
    """
    given = source(config, "negatives")
    shared, options = _configured(given, method)
    over = {**flags(fields), **_shortcuts(options, mode=mode, tagger=tagger, fill=fill)}
    whole = build(NegativesConfig, {"methods": {method: options}}, {"methods": {method: over}}, file=config)
    chosen, seed = whole.methods[method], shared["seed"] if seed is None else seed
    caption_set = shared["captions"] if caption_set is None else caption_set
    one_by_one: dict[str, Any] = {"images": images, "objects": objects, "relations": relations, "reserved": reserved}
    if out.suffix == ".parquet" or captions is None or captions.suffix == ".json":
        unfit = [f"--{name}" for name, path in one_by_one.items() if path is not None]
        if unfit:
            raise InputError(
                f"{', '.join(unfit)}: only for Parquet captions and a folder as --out", remedy="give --tables instead"
            )
        _check_tagger_is_named(chosen, tagger, tables, fields)
        with job(f"negatives {method}"):
            from nearmiss.stages.negatives.standalone import run_standalone

            run_standalone(
                name=method,
                config=chosen,
                seed=seed,
                captions=captions,
                graphs=graphs,
                instances=instances,
                tables=tables,
                caption_set=caption_set,
                out=out,
                paraphrases=paraphrases or (),
                workers=workers,
            )
        return
    with job(f"negatives {method}"):
        from nearmiss.stages.negatives.stage import run

        run(
            name=method,
            config=chosen,
            seed=seed,
            captions=captions,
            **one_by_one,
            caption_set=caption_set,
            out=out,
            paraphrases=shared["paraphrases"] if paraphrases is None else paraphrases,
            fingerprint=given.fingerprint,
            workers=workers,
        )


def _configured(given: Source, method: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The stage's shared fields and those of the method."""
    if given.fingerprint:
        return given.config["shared"], given.config["method"]
    stage = given.experiment.negatives if given.experiment else NegativesConfig()
    known = every_method() | stage.methods
    if method not in known:
        raise InputError(f"unknown method '{method}'", file=given.file, remedy=f"choose one of: {', '.join(known)}")
    return stage.model_dump(), known[method].model_dump()


def _shortcuts(options: dict[str, Any], *, mode: str | None, tagger: str | None, fill: str | None) -> dict[str, Any]:
    """The flags that stand for a field of some methods, as that field."""
    asked = {
        "mode": ("mode", mode, mode),
        "tagger": ("tagger", tagger, None if tagger == "lexicon" else tagger),
        "fill": ("language_model", fill, None if fill == "cloze" else fill),
    }
    for flag, (name, given, _) in asked.items():
        if given is not None and name not in options:
            raise InputError(f"method '{options['method']}' has no --{flag}", remedy="leave the flag out")
    return {name: value for name, given, value in asked.values() if given is not None}


def _check_tagger_is_named(
    chosen: MethodConfig, tagger: str | None, tables: Path | None, fields: tuple[str, ...]
) -> None:
    """Free captions need a trained tagger: the built-in one knows the embedded world's words alone."""
    asked = tagger is not None or tables is not None or any(field.startswith("--tagger") for field in fields)
    if getattr(chosen, "tagger", "") is None and not asked:
        raise InputError(
            f"method '{chosen.method}' needs a tagger and none is named",
            remedy="python -m spacy download en_core_web_sm, then --tagger en_core_web_sm (or a pipeline's folder; "
            '"lexicon" for captions of the embedded world)',
        )


@app.command(name="negatives-truth")
def negatives_truth(*, negatives: Path, truth: Path, out: Path) -> None:
    """Count false negatives: every negative is judged by the world's hidden truth.

    Parameters
    ----------
    negatives
        A folder that the command negatives made.
    truth
        The world's truth folder.
    out
        The report, a JSON file.
    """
    with job(f"negatives-truth {negatives.name}"):
        from nearmiss.stages.negatives.truth_report import report

        report(negatives=negatives, truth=truth, out=out)


@app.command(name="negatives-truth-table")
def negatives_truth_table(
    *, out: Path, scenes: int = 200, config: Path | None = None, completeness: list[float] | None = None
) -> None:
    """Count false negatives and yield of every method as annotations are dropped, over every negative; print a table.

    Parameters
    ----------
    out
        The counts, a JSON file.
    scenes
        Training scenes of the embedded world; no picture is drawn.
    config
        An experiment, whose world and methods are used.
    completeness
        Shares of the annotations that are kept; 1.0, 0.75 and 0.5 if not given.
    """
    given = source(config, "negatives")
    with job("negatives-truth-table"):
        from nearmiss.stages.negatives.truth_table import format_rows, measure

        experiment = given.experiment
        rows = measure(
            world=_world(given),
            methods=(experiment.negatives if experiment else NegativesConfig()).methods,
            scenes=scenes,
            completeness=tuple(completeness or (1.0, 0.75, 0.5)),
            out=out,
        )
        print(format_rows(rows))


def _world(given: Source) -> WorldConfig:
    """The experiment's synthetic world, or the default one. Raises `InputError` for another data source."""
    if given.experiment is None:
        return WorldConfig()
    data_source = given.experiment.data.source
    if not isinstance(data_source, WorldConfig):
        raise InputError(
            f"the data source is '{data_source.name}', of which the truth is not known",
            file=given.file,
            record="data.source.name",
            remedy="give an experiment on the synthetic world",
        )
    return data_source


@app.command(name="negatives-matched")
def negatives_matched(*, negatives: Many, out: Path, seed: Seed = 0) -> None:
    """Draw from several methods' negatives as many of each concept and in-scene share, so that methods are compared.

    Parameters
    ----------
    negatives
        Files or folders that the command negatives made, two or more.
    out
        Folder that is made: a folder for each method, with negatives.parquet.
    seed
        Seed of the draw.
    """
    with job("negatives-matched"):
        from nearmiss.stages.negatives.matched import draw

        print(draw(negatives=negatives, out=out, seed=seed))
