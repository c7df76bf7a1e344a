"""Command `negatives make`: one method's negatives of published files, or of the tables of stage `data`."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from nearmiss.base.errors import InputError
from nearmiss.base.progress import job
from nearmiss.commands.app import Config, Fields, Fingerprint, Overrides, Seed, fields_help
from nearmiss.commands.app import negatives as group
from nearmiss.commands.inputs import check_inputs
from nearmiss.config_text import near
from nearmiss.fields import Source, build, flags, source
from nearmiss.stages.negatives.config import NegativesConfig, every_method
from nearmiss.stages.negatives.spec import (
    KeywordConfig,
    MethodConfig,
    RandomConfig,
    ReplaceConfig,
    RewriteConfig,
    SceneGraphConfig,
    SwapConfig,
    TrainingParaphrase,
)

METHODS = (RandomConfig, KeywordConfig, SceneGraphConfig, ReplaceConfig, SwapConfig, RewriteConfig)


@group.command(help_epilogue=fields_help(*((method, "") for method in METHODS), without=("mode", "tagger")))
def make(
    *fields: Fields,
    method: str,
    out: Path,
    captions: Path | None = None,
    graphs: Path | None = None,
    instances: Path | None = None,
    tables: Path | None = None,
    reserved: Path | None = None,
    mode: str | None = None,
    tagger: str | None = None,
    fill: str | None = None,
    paraphrases: Annotated[list[TrainingParaphrase] | None, Parameter(negative="")] = None,
    caption_set: str | None = None,
    seed: Seed | None = None,
    tags: Path | None = None,
    workers: int = 1,
    config: Config = None,
    set_: Overrides = None,
    fingerprint: Fingerprint = None,
) -> None:
    """Make hard negatives of captions or scene graphs by one method.

    nearmiss negatives make --captions captions.json --method keyword --out negatives.parquet
    nearmiss negatives make --graphs graphs.json --method scene_graph --out FOLDER
    nearmiss negatives make --tables results/world/data/tables --method replace --out FOLDER

    A malformed record and a rejected candidate are written to rejected.parquet with the reason.

    Parameters
    ----------
    method
        Name of a method in the configuration: random, keyword, scene_graph, replace, swap, rewrite. Its fields are
        flags.
    out
        Output: a folder for negatives.parquet, captions.parquet, rejected.parquet and summary.json, or a file X.parquet
        for the negatives, with X.captions.parquet, X.rejected.parquet and X.summary.json beside it.
    captions
        File of captions (COCO, Karpathy, BLIP, Flickr tokens, CC3M, CSV, TSV, JSON Lines), or a table (Parquet).
    graphs
        Scene graphs in GQA's format, a file of Visual Genome, or a folder of several.
    instances
        Instances in COCO's format (JSON).
    tables
        Folder of tables as stage data writes them: captions.parquet and, where they exist, images.parquet,
        objects.parquet and relations.parquet. --captions names another table of captions.
    reserved
        Combinations of words that no negative may mention, a JSON file.
    mode
        Behavior of a method that has both: default (corrected), or released (as the paper's code).
    tagger
        spaCy pipeline, by name or folder; lexicon for the built-in tagger of the synthetic world.
    fill
        Masked language model, by name or folder; cloze for counts of the captions themselves.
    paraphrases
        Operators of hard positives that are written to paraphrases.parquet. Repeat it for several.
    caption_set
        Set of captions, where a table has several; the configuration's if not given.
    seed
        Seed of every draw; the configuration's if not given.
    tags
        Folder that keeps the tags of captions for other methods and further runs. The output does not depend on it.
    workers
        Number of processes. The output does not depend on it.
    """
    keys = ("seed", "captions", "paraphrases", f"methods.{method}")
    reads = tuple(f"negatives.{key}" for key in keys)
    given = source("negatives", config=config, fingerprint=fingerprint, overrides=set_, reads=reads)
    shared, options = _configured(given, method)
    over = {**flags(fields), **_shortcuts(options, mode=mode, tagger=tagger, fill=fill)}
    direct = {"seed": seed, "captions": caption_set, "paraphrases": paraphrases}
    direct = {name: value for name, value in direct.items() if value is not None}
    values = {**shared, "methods": {method: options}}
    section = given.section(NegativesConfig, direct | ({"methods": {method: over}} if over else {}), values)
    chosen = section.methods[method]
    if not fingerprint and tables is None:
        _check_tagger_is_named(chosen, tagger, fields)
    check_inputs(captions=captions, graphs=graphs, instances=instances, tables=tables, reserved=reserved)
    with job(f"negatives {method}"):
        from nearmiss.stages.negatives.stage import run

        run(
            name=method,
            config=chosen,
            seed=section.seed,
            captions=captions,
            graphs=graphs,
            instances=instances,
            tables=tables,
            reserved=reserved,
            caption_set=section.captions,
            out=out,
            paraphrases=section.operators(method),
            fingerprint=fingerprint,
            tags=tags,
            workers=workers,
        )


def _configured(given: Source, method: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The stage's shared fields and those of the method."""
    if given.fingerprint:
        return given.config["shared"], given.config["method"]
    stage = build(NegativesConfig, given.values, {}, file=given.file)
    known = every_method() | stage.methods
    if method not in known:
        remedy = f"{near(method, list(known))} choose one of: {', '.join(known)}".strip()
        raise InputError(f"unknown method '{method}'", file=given.file, remedy=remedy)
    return stage.model_dump(), known[method].model_dump()


def _shortcuts(options: dict[str, Any], *, mode: str | None, tagger: str | None, fill: str | None) -> dict[str, Any]:
    """The options that stand for a field of some methods, as that field."""
    named = {
        "mode": ("mode", mode, mode),
        "tagger": ("tagger", tagger, None if tagger == "lexicon" else tagger),
        "fill": ("language_model", fill, None if fill == "cloze" else fill),
    }
    for flag, (name, given, _) in named.items():
        if given is not None and name not in options:
            raise InputError(f"method '{options['method']}' has no --{flag}", remedy="leave the flag out")
    return {name: value for name, given, value in named.values() if given is not None}


def _check_tagger_is_named(chosen: MethodConfig, tagger: str | None, fields: tuple[str, ...]) -> None:
    """Free captions need a trained tagger: the built-in one covers only the words of the synthetic world."""
    named = tagger is not None or any(field.startswith("--tagger") for field in fields)
    if getattr(chosen, "tagger", "") is None and not named:
        raise InputError(
            f"method '{chosen.method}' needs a tagger and none is named",
            remedy="python -m spacy download en_core_web_sm, then --tagger en_core_web_sm (or a pipeline's folder; "
            '"lexicon" for captions of the synthetic world)',
        )
