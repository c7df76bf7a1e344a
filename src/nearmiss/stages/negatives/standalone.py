"""Standalone use of the stage: reads published files, writes negatives.parquet and its companion files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.manifest import Cost, verify_inputs
from nearmiss.base.outputs import OutputFolder
from nearmiss.engine.formats.sound_tables import Faults
from nearmiss.stages.negatives.reading import CorpusAndRejections, read_annotation_files, read_corpus, rejected_rows
from nearmiss.stages.negatives.registry import METHODS
from nearmiss.stages.negatives.shards import SIZE
from nearmiss.stages.negatives.spec import MethodConfig, PublishedConfig
from nearmiss.stages.negatives.stage import finish, write_negatives
from nearmiss.stages.negatives.summary import format_summary
from nearmiss.stages.negatives.writing import NamedOutputs

NEEDS_CAPTIONS = ("random", "keyword", "replace", "swap", "published")
NEEDS_OBJECTS = ("scene_graph",)


def run_standalone(
    *,
    name: str,
    config: MethodConfig,
    out: Path,
    seed: int = 0,
    captions: Path | None = None,
    instances: Path | None = None,
    graphs: Path | None = None,
    tables: Path | None = None,
    caption_set: str | None = None,
    paraphrases: Sequence[str] = (),
    workers: int = 1,
    size: int = SIZE,
) -> dict[str, Any]:
    """Write negatives.parquet and its companion files, and print a summary.

    `out` is a folder for negatives.parquet, captions.parquet, rejected.parquet, summary.json, cost.json and
    manifest.json, or a file X.parquet for the negatives, with the other files named after it:
    X.rejected.parquet and so on (see `NamedOutputs`).

    Accepts a COCO captions file, COCO instances, GQA scene graphs, or a folder of tables as written by stage `data`
    (`captions` overrides its captions table); `caption_set` selects one of several sets. All bytes but those of
    cost.json are the same for any `workers`, any `size` of shards and any order of records.
    Raises `InputError` if an input is missing or none of its records can be used.
    """
    cost = Cost()
    _check_tagger(config)
    inputs = {"captions": captions, "instances": instances, "graphs": graphs, "tables": tables}
    inputs["published"] = Path(config.file) if isinstance(config, PublishedConfig) else None
    given = {key: Path(path) for key, path in inputs.items() if path is not None}
    target = (NamedOutputs if Path(out).suffix == ".parquet" else OutputFolder)(Path(out), inputs=given.values())
    hashes = verify_inputs(given)
    if tables is not None:
        read = _of_tables(Path(tables), captions, caption_set, name, seed)
    elif captions is not None and Path(captions).suffix == ".parquet":
        faults: Faults = []
        corpus = read_corpus(Path(captions), caption_set=caption_set, seed=seed, faults=faults)
        read = CorpusAndRejections(corpus, rejected_rows(faults, name))
    else:
        read = read_annotation_files(captions=captions, instances=instances, graphs=graphs, method=name, seed=seed)
    _check_needs(config.method, read)
    with target as folder:
        method = METHODS[config.method]
        counts = write_negatives(
            read.corpus,
            method,
            config,
            name,
            folder,
            workers=workers,
            size=size,
            set_aside=read.rejected,
            paraphrases=paraphrases,
        )
        if not counts.negatives:
            raise counts.no_negatives_error(name, next(iter(given.values()), None))
        summary = finish(folder, counts, read.corpus, name, cost=cost, inputs=hashes)
    print(format_summary(summary, counts.examples, out))
    return summary


def _of_tables(
    folder: Path, captions: Path | None, caption_set: str | None, name: str, seed: int
) -> CorpusAndRejections:
    given = captions if captions is not None else folder / "captions.parquet"
    if captions is None and not given.is_file():
        known = ", ".join(sorted(path.name for path in folder.glob("captions*.parquet")))
        raise InputError(
            "the folder has no captions.parquet",
            file=folder,
            record=f"it has {known}" if known else None,
            remedy="name a table with --captions",
        )
    optional = {each: folder / f"{each}.parquet" for each in ("images", "objects", "relations")}
    found: dict[str, Any] = {each: path for each, path in optional.items() if path.is_file()}
    faults: Faults = []
    corpus = read_corpus(given, **found, caption_set=caption_set, seed=seed, faults=faults)
    return CorpusAndRejections(corpus, rejected_rows(faults, name))


def _check_tagger(config: MethodConfig) -> None:
    """Report a missing tagger before any file is read."""
    tagger = getattr(config, "tagger", None)
    if tagger is None:
        return
    from nearmiss.engine.text.pipelines import trained_pipeline

    try:
        trained_pipeline(tagger)
    except InputError as error:
        raise InputError(error.problem.splitlines()[0], remedy=how_to_get(tagger)) from None


def how_to_get(tagger: str = "en_core_web_sm") -> str:
    """The command that installs a tagger."""
    return f"python -m spacy download {tagger}, or name the folder of a spaCy pipeline with --tagger"


def _check_needs(method: str, read: CorpusAndRejections) -> None:
    if method in NEEDS_CAPTIONS and not len(read.corpus.captions):
        raise InputError(f"method '{method}' needs captions", remedy="give --captions, a file in COCO's format")
    if method in NEEDS_OBJECTS and not read.corpus.objects.height:
        remedy = "give --graphs, a file in GQA's format, or --instances, one in COCO's"
        raise InputError(f"method '{method}' needs annotations", remedy=remedy)
