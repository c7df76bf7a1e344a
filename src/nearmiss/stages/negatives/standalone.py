"""The stage without any workflow: published files in, negatives.parquet out, with everything that belongs beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.manifest import Cost, verify_inputs
from nearmiss.base.outputs import OutputFolder
from nearmiss.engine.formats.sound_tables import Faults
from nearmiss.stages.negatives.reading import Published, read_corpus, read_published, rejected
from nearmiss.stages.negatives.registry import METHODS
from nearmiss.stages.negatives.shards import SIZE
from nearmiss.stages.negatives.spec import MethodConfig, PublishedConfig
from nearmiss.stages.negatives.stage import finish, make
from nearmiss.stages.negatives.summary import told
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
    """Write negatives.parquet and what belongs to it, and print a summary.

    `out` is a folder for negatives.parquet, captions.parquet, rejected.parquet, summary.json, cost.json and
    manifest.json, or a file X.parquet for the negatives, beside which the others are named after it:
    X.rejected.parquet and so on (see `NamedOutputs`).

    Takes a COCO captions file, COCO instances, GQA scene graphs, or a folder of tables as stage `data` writes them
    (with `captions`, a table of another name); `caption_set` where it has several sets. All bytes but those of
    cost.json are the same for any `workers`, any `size` of shards and any order of records.
    Raises `InputError` where an input is missing or none of its records can be used.
    """
    cost = Cost()
    _check_tagger(config)
    inputs = {"captions": captions, "instances": instances, "graphs": graphs, "tables": tables}
    inputs["published"] = Path(config.file) if isinstance(config, PublishedConfig) else None
    given = {key: Path(path) for key, path in inputs.items() if path is not None}
    target = (NamedOutputs if Path(out).suffix == ".parquet" else OutputFolder)(Path(out), inputs=given.values())
    hashes = verify_inputs(given)
    if tables is not None:
        published = _of_tables(Path(tables), captions, caption_set, name, seed)
    elif captions is not None and Path(captions).suffix == ".parquet":
        faults: Faults = []
        corpus = read_corpus(Path(captions), caption_set=caption_set, seed=seed, faults=faults)
        published = Published(corpus, rejected(faults, name))
    else:
        published = read_published(captions=captions, instances=instances, graphs=graphs, method=name, seed=seed)
    _check_needs(config.method, published)
    with target as folder:
        method = METHODS[config.method]
        counted = make(
            published.corpus,
            method,
            config,
            name,
            folder,
            workers=workers,
            size=size,
            aside=published.aside,
            paraphrases=paraphrases,
        )
        if not counted.negatives:
            raise counted.nothing(name, next(iter(given.values()), None))
        summary = finish(folder, counted, published.corpus, name, cost=cost, inputs=hashes)
    print(told(summary, counted.examples, out))
    return summary


def _of_tables(folder: Path, captions: Path | None, caption_set: str | None, name: str, seed: int) -> Published:
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
    return Published(corpus, rejected(faults, name))


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
