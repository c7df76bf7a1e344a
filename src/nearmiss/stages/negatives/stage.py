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
from nearmiss.base.table_parts import Tables
from nearmiss.base.tables import table
from nearmiss.base.workers import map_in_order
from nearmiss.engine.text.bigrams import Bigrams, Plausibility
from nearmiss.engine.text.parsing import parse
from nearmiss.engine.text.phrases import phrases
from nearmiss.engine.text.tokens import normalized, token_texts, tokenize
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.candidates import Corpus, Meter, Method
from nearmiss.stages.negatives.paraphrases import paraphrase_table
from nearmiss.stages.negatives.reading import CorpusAndRejections, Inputs
from nearmiss.stages.negatives.registry import METHODS
from nearmiss.stages.negatives.shards import SIZE, garbage_collection_off, shards
from nearmiss.stages.negatives.spec import MethodConfig, PublishedConfig, RewriteConfig
from nearmiss.stages.negatives.summary import TableCounts, as_summary, format_summary
from nearmiss.stages.negatives.writing import NamedOutputs

NEEDS_CAPTIONS = ("random", "keyword", "replace", "swap", "rewrite", "published")
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
    tags: Path | None = None,
    workers: int = 1,
    size: int = SIZE,
) -> dict[str, Any]:
    """Write the negatives of the method `name` with what belongs to them, print a summary and return it.

    Inputs are a COCO captions file, COCO instances or GQA scene graphs, or tables: a folder of them as stage `data`
    writes it (`tables`), or single ones. Of tables, only captions of `caption_set` and annotations of the images of
    `split` are read; without `images`, all captions are read and nothing is annotated.

    `out` is a folder for negatives.parquet, captions.parquet (the positives of the negatives), rejected.parquet,
    paraphrases.parquet (hard positives by the operators of `paraphrases`, none by default), summary.json, manifest.json
    and cost.json; or a file X.parquet for the negatives, beside which the others are named after it (see
    `NamedOutputs`). `tags` is a folder in which the tags of captions are kept for further methods and runs. All bytes
    but those of cost.json are the same for any `tags`, any `workers`, any `size` of shards and any order of records.

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
        counts = write_negatives(
            replace(found.corpus, tags=tags),
            METHODS[config.method],
            config,
            name,
            folder,
            workers=workers,
            size=size,
            set_aside=found.rejected,
            paraphrases=paraphrases,
        )
        if not counts.negatives:
            raise counts.no_negatives_error(name, next(iter(given.values()), None))
        by = {"model": config.model, "seed": seed} if isinstance(config, RewriteConfig) else None
        summary = finish(
            folder, counts, found.corpus, name, cost=cost, inputs=hashes, fingerprint=fingerprint, written_by=by
        )
    print(format_summary(summary, counts.examples, out))
    return summary


def _check_tagger(config: MethodConfig) -> None:
    """A missing tagger is reported before any file is read."""
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


def _check_needs(method: str, published: CorpusAndRejections) -> None:
    if method in NEEDS_CAPTIONS and not len(published.corpus.captions):
        raise InputError(f"method '{method}' works on captions", remedy="give --captions, a file in COCO's format")
    if method in NEEDS_OBJECTS and not published.corpus.objects.height:
        remedy = "give --graphs, a file in GQA's format, or --instances, one in COCO's"
        raise InputError(f"method '{method}' works on annotations", remedy=remedy)


def finish(
    folder: Path,
    counts: TableCounts,
    corpus: Corpus,
    name: str,
    *,
    cost: Cost,
    inputs: dict[str, str],
    fingerprint: Path | None = None,
    written_by: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write summary.json, cost.json and manifest.json beside a method's tables, and return the summary.

    `written_by`: further fields of the summary, about a model that wrote the negatives.
    """
    summary = as_summary(counts, name, captions=len(corpus.captions)) | dict(written_by or {})
    write_json(folder / "summary.json", summary)
    cost.counts.update(captions=summary["captions"]["processed"], negatives=counts.negatives)
    cost.counts.update(checks=counts.meter.as_record())
    cost.write(folder)
    outputs = [*sorted(path.name for path in folder.glob("*.parquet")), "summary.json"]
    write_manifest(folder, stage="negatives", fingerprint=fingerprint, inputs=inputs, outputs=outputs)
    return summary


def write_negatives(
    corpus: Corpus,
    method: Method,
    options: MethodConfig,
    name: str,
    folder: Path,
    *,
    workers: int = 1,
    size: int = SIZE,
    set_aside: pl.DataFrame | None = None,
    paraphrases: Sequence[str] = (),
) -> TableCounts:
    """Write the tables of a method into a folder and return their counts.

    `size`: captions per shard. `set_aside`: rows of table `rejected` for records that could not be read.
    """
    shared = _Shared(method, options, name, tuple(paraphrases), plausibility=_plausibility(corpus, options))
    counts = TableCounts()
    with Tables(folder) as tables:
        for table_name in ("negatives", "captions", "paraphrases"):
            tables.add(table_name, table(table_name, []))
        tables.add("rejected", table("rejected", []) if set_aside is None else set_aside)
        if set_aside is not None:
            counts.add_rejected(set_aside)
        for part in _parts(corpus, shared, workers, size, counts.meter):
            for table_name, frame in part.frames.items():
                tables.add(table_name, frame)
            counts.add(part.frames, part.processed, part.own_positives, part.meter)
    return counts


def _plausibility(corpus: Corpus, options: MethodConfig) -> Plausibility | None:
    """Pairs of words of the whole corpus, where the options limit the gap between a caption and its negative."""
    max_gap = getattr(options, "max_gap", None)
    if max_gap is None:
        return None
    return Plausibility(Bigrams(caption.text for caption in corpus.captions), max_gap)


_PRELOADED = ("nearmiss.stages.negatives.stage", "nearmiss.engine.text.pipelines")
# Caches keyed by whole texts. They are cleared after each shard, or memory would grow with the corpus.
_OF_TEXTS = (parse, phrases, tokenize, token_texts, normalized)


@dataclass(frozen=True)
class _Shared:
    """State shared by all shards; sent to each process once."""

    method: Method
    options: MethodConfig
    name: str
    paraphrases: tuple[str, ...]
    learned: Any = None
    plausibility: Plausibility | None = None


@dataclass(frozen=True)
class Part:
    """Result of one shard: rows of tables, number of captions processed, cost of the checks.

    `own_positives`: the method wrote captions itself.
    """

    frames: dict[str, pl.DataFrame]
    processed: int
    own_positives: bool
    meter: Meter


def _parts(corpus: Corpus, shared: _Shared, workers: int, size: int, meter: Meter) -> Iterator[Part]:
    """Yield the parts of all shards in order; a method without `learn` gives one part for the whole corpus."""
    if shared.method.learn is None:
        yield _part(shared, corpus, show_progress=True)
        return
    with meter("learning"), silent():
        learned = shared.method.learn(corpus, shared.options)
    corpora = list(shards(corpus, size))
    preload = [name for name in _PRELOADED if name in sys.modules]
    parts = map_in_order(_shard, replace(shared, learned=learned), corpora, workers, preload=preload)
    yield from progress(parts, what=f"negatives {shared.name}", total=len(corpora))


def _shard(shared: _Shared, corpus: Corpus) -> Part:
    with garbage_collection_off():
        return _part(shared, corpus)


def _part(shared: _Shared, corpus: Corpus, show_progress: bool = False) -> Part:
    corpus = replace(corpus, learned=shared.learned, plausibility=shared.plausibility)
    with nullcontext() if show_progress else silent():
        checked = check_candidates(corpus, shared.method, shared.options, shared.name)
    frames = checked.frames()
    if shared.paraphrases:
        with corpus.meter("paraphrases"):
            frames["paraphrases"] = paraphrase_table(
                frames["negatives"].select("caption_id", "image_id", "positive", "template_id").iter_rows(named=True),
                shared.paraphrases,
                seed=corpus.seed,
                names=corpus.vocabulary.names,
                reserved=corpus.reserved,
            )
    for cached in _OF_TEXTS:
        cached.cache_clear()
    return Part(frames, len(checked.processed), bool(checked.positives), corpus.meter)
