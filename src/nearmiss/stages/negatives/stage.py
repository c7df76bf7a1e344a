"""Stage `negatives`: one method's negatives of published files or of tables, into tables.

The corpus is processed in shards, in as many processes as one likes; the tables are written shard by shard.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json
from nearmiss.base.manifest import Cost, verify_inputs, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.progress import progress, silent
from nearmiss.base.tables import table
from nearmiss.base.workers import map_in_order
from nearmiss.engine.text.parsing import parse
from nearmiss.engine.text.phrase_labels import named
from nearmiss.engine.text.phrases import phrases
from nearmiss.engine.text.tokens import normalized, token_texts, tokenize
from nearmiss.stages.negatives.acceptance import take
from nearmiss.stages.negatives.candidates import Corpus, Meter, Method
from nearmiss.stages.negatives.paraphrases import of_negatives
from nearmiss.stages.negatives.reading import Inputs, Published
from nearmiss.stages.negatives.registry import METHODS
from nearmiss.stages.negatives.shards import SIZE, at_rest, shards
from nearmiss.stages.negatives.spec import MethodConfig, PublishedConfig
from nearmiss.stages.negatives.summary import Counted, as_summary, told
from nearmiss.stages.negatives.writing import NamedOutputs, Tables

NEEDS_CAPTIONS = ("random", "keyword", "replace", "swap", "published")
NEEDS_OBJECTS = ("scene_graph",)


def run(
    *,
    name: str,
    config: MethodConfig,
    out: Path,
    seed: int = 0,
    captions: Path | None = None,
    graphs: Path | None = None,
    instances: Path | None = None,
    tables: Path | None = None,
    images: Path | None = None,
    objects: Path | None = None,
    relations: Path | None = None,
    reserved: Path | None = None,
    caption_set: str | None = None,
    split: str = "train",
    paraphrases: Sequence[str] = (),
    fingerprint: Path | None = None,
    workers: int = 1,
    size: int = SIZE,
) -> dict[str, Any]:
    """Write the negatives of the method `name` with what belongs to them, print a summary and return it.

    Inputs are a COCO captions file, COCO instances or GQA scene graphs, or tables: a folder of them as stage `data`
    writes it (`tables`), or single ones. Of tables, only captions of `caption_set` and annotations of the images of
    `split` are read; without `images`, all captions are read and nothing is annotated.

    `out` is a folder for negatives.parquet, captions.parquet (the positives of the negatives), rejected.parquet,
    paraphrases.parquet where operators of `paraphrases` are named, summary.json, manifest.json and cost.json; or a file
    X.parquet for the negatives, beside which the others are named after it (see `NamedOutputs`). All bytes but those of
    cost.json are the same for any `workers`, any `size` of shards and any order of records.

    Raises `InputError` where an input is missing, none of its records can be used, or no negative comes of it.
    """
    cost = Cost()
    _check_tagger(config)
    inputs = Inputs(captions, graphs, instances, images, objects, relations, reserved)
    inputs = inputs if tables is None else inputs.with_folder(tables)
    given = inputs.files()
    if isinstance(config, PublishedConfig):
        given["published"] = Path(config.file)
    target = (NamedOutputs if Path(out).suffix == ".parquet" else OutputFolder)(
        Path(out), inputs=[*given.values(), tables]
    )
    hashes = verify_inputs(given)
    found = inputs.read(caption_set=caption_set, split=split, method=name, seed=seed)
    _check_needs(config.method, found)
    with target as folder:
        counted = make(
            found.corpus,
            METHODS[config.method],
            config,
            name,
            folder,
            workers=workers,
            size=size,
            aside=found.aside,
            paraphrases=paraphrases,
        )
        if not counted.negatives:
            raise counted.nothing(name, next(iter(given.values()), None))
        summary = finish(folder, counted, found.corpus, name, cost=cost, inputs=hashes, fingerprint=fingerprint)
    print(told(summary, counted.examples, out))
    return summary


def _check_tagger(config: MethodConfig) -> None:
    """A tagger that is not there is told before any file is read."""
    tagger = getattr(config, "tagger", None)
    if tagger is None:
        return
    from nearmiss.engine.text.pipelines import trained_pipeline

    try:
        trained_pipeline(tagger)
    except InputError as error:
        raise InputError(error.problem.splitlines()[0], remedy=how_to_get(tagger)) from None


def how_to_get(tagger: str = "en_core_web_sm") -> str:
    """The command that brings a tagger."""
    return f"python -m spacy download {tagger}, or name the folder of a spaCy pipeline with --tagger"


def _check_needs(method: str, published: Published) -> None:
    if method in NEEDS_CAPTIONS and not len(published.corpus.captions):
        raise InputError(f"method '{method}' works on captions", remedy="give --captions, a file in COCO's format")
    if method in NEEDS_OBJECTS and not published.corpus.objects.height:
        remedy = "give --graphs, a file in GQA's format, or --instances, one in COCO's"
        raise InputError(f"method '{method}' works on annotations", remedy=remedy)


def finish(
    folder: Path,
    counted: Counted,
    corpus: Corpus,
    name: str,
    *,
    cost: Cost,
    inputs: dict[str, str],
    fingerprint: Path | None = None,
) -> dict[str, Any]:
    """Write summary.json, cost.json and manifest.json beside a method's tables, and return the summary."""
    summary = as_summary(counted, name, captions=len(corpus.captions))
    write_json(folder / "summary.json", summary)
    cost.counts.update(captions=summary["captions"]["asked"], negatives=counted.negatives)
    cost.counts.update(checks=counted.meter.as_record())
    cost.write(folder)
    outputs = [*sorted(path.name for path in folder.glob("*.parquet")), "summary.json"]
    write_manifest(folder, stage="negatives", fingerprint=fingerprint, inputs=inputs, outputs=outputs)
    return summary


def make(
    corpus: Corpus,
    method: Method,
    options: MethodConfig,
    name: str,
    folder: Path,
    *,
    workers: int = 1,
    size: int = SIZE,
    aside: pl.DataFrame | None = None,
    paraphrases: Sequence[str] = (),
) -> Counted:
    """Write a method's tables into a folder and count what is in them.

    `size` is that of a shard, in captions; `aside` are rows of table `rejected` for records that could not be read.
    """
    shared = _Shared(method, options, name, tuple(paraphrases))
    counted = Counted()
    with Tables(folder) as tables:
        for table_name in ("negatives", "captions"):
            tables.add(table_name, table(table_name, []))
        tables.add("rejected", table("rejected", []) if aside is None else aside)
        if aside is not None:
            counted.add_rejected(aside)
        for part in _parts(corpus, shared, workers, size, counted.meter):
            for table_name, frame in part.frames.items():
                tables.add(table_name, frame)
            counted.add(part.frames, part.asked, part.own_positives, part.meter)
    return counted


_PRELOADED = ("nearmiss.stages.negatives.stage", "nearmiss.engine.text.pipelines", "inflect")
# What is remembered of whole texts: the next shard has others, and memory would grow with the corpus.
_OF_TEXTS = (parse, phrases, named, tokenize, token_texts, normalized)


@dataclass(frozen=True)
class _Shared:
    """What all shards need: sent to each process once."""

    method: Method
    options: MethodConfig
    name: str
    paraphrases: tuple[str, ...]
    learned: Any = None


@dataclass(frozen=True)
class Part:
    """What came of one shard: rows of tables, how many captions were asked, what the checks cost.

    `own_positives`: the method wrote captions itself.
    """

    frames: dict[str, pl.DataFrame]
    asked: int
    own_positives: bool
    meter: Meter


def _parts(corpus: Corpus, shared: _Shared, workers: int, size: int, meter: Meter) -> Iterator[Part]:
    """The parts of all shards, in order; of a method that must see the whole corpus at once, one part."""
    if shared.method.learn is None:
        yield _part(shared, corpus, bars=True)
        return
    with meter("learning"), silent():
        learned = shared.method.learn(corpus, shared.options)
    cut = list(shards(corpus, size))
    preload = [name for name in _PRELOADED if name in sys.modules]
    parts = map_in_order(_shard, replace(shared, learned=learned), cut, workers, preload=preload)
    yield from progress(parts, what=f"negatives {shared.name}", total=len(cut))


def _shard(shared: _Shared, corpus: Corpus) -> Part:
    with at_rest():
        return _part(shared, corpus)


def _part(shared: _Shared, corpus: Corpus, bars: bool = False) -> Part:
    corpus = replace(corpus, learned=shared.learned)
    with nullcontext() if bars else silent():
        taken = take(corpus, shared.method, shared.options, shared.name)
    frames = {
        "negatives": table("negatives", taken.negatives),
        "rejected": table("rejected", taken.rejected),
        "captions": table("captions", taken.captions()),
    }
    if shared.paraphrases:
        with corpus.meter("paraphrases"):
            frames["paraphrases"] = of_negatives(
                taken.negatives,
                shared.paraphrases,
                seed=corpus.seed,
                names=corpus.vocabulary.names,
                reserved=corpus.reserved,
            )
    for cached in _OF_TEXTS:
        cached.cache_clear()
    asked = taken.asked | {row["caption_id"] for row in taken.negatives}
    return Part(frames, len(asked), bool(taken.positives), corpus.meter)
