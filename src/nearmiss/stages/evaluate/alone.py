"""Published benchmarks for any open_clip model, without a workflow: read, encode what is new, score, say how.

Each unique image and text is encoded once over all benchmarks and kept on disk (engine/scoring/cache.py), so a killed
run goes on and a second one is table work. A score over missing images never looks like a full one.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import ModuleType
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json
from nearmiss.base.outputs import OutputFolder
from nearmiss.engine.benchmarks import image_folders, karpathy, papers
from nearmiss.engine.benchmarks.general import Gallery, Labelled
from nearmiss.engine.benchmarks.published import Folders, Rule, Sheet, Source, filled, readable
from nearmiss.engine.benchmarks.registry import READERS
from nearmiss.engine.scoring import alone, general, published
from nearmiss.engine.scoring.encoded import Encoded
from nearmiss.engine.scoring.encoder import Encoder
from nearmiss.engine.scoring.encoding import encoded, images_alone
from nearmiss.engine.scoring.figures import MAIN, SCHEMA, Figure, averaged, figures, weights
from nearmiss.stages.evaluate import blind
from nearmiss.stages.evaluate.described import described, described_classes, described_gallery

SCORES, METRICS, TOLD = "scores.parquet", "metrics.parquet", "metrics.json"
Probe = Callable[[pl.DataFrame], blind.Blind]


@dataclass(frozen=True)
class Asked:
    """One fine-grained benchmark as it was read: its questions, and which of them count."""

    source: Source
    rule: Rule
    sheet: Sheet
    items: pl.DataFrame
    groups: pl.DataFrame  # item_id, part, stratum, place, item (row of items), of the items that count


@dataclass(frozen=True)
class Read:
    """All that is asked of a model."""

    asked: list[Asked]
    galleries: list[Gallery]
    labelled: list[Labelled]
    absent: list[str]
    """Benchmarks none of whose files are there."""

    @property
    def general(self) -> list[Gallery | Labelled]:
        """What is asked beside fine-grained questions."""
        return [*self.galleries, *self.labelled]


def run(
    *,
    model: str,
    pretrained: str | None,
    benchmarks: str,
    folders: Folders,
    out: Path,
    cache: Path,
    as_published: bool = False,
    negatives: Path | None = None,
    paper: str | None = None,
    device: str = "cpu",
    batch: int = 64,
) -> dict[str, Any]:
    """Write `out`: scores.parquet, metrics.parquet, metrics.json; and return the latter's content.

    Benchmarks none of whose files are there are named in `absent`. Raises InputError, before anything is encoded, where
    none is left, where a file is malformed as a whole, where the model cannot be had, and where `out` or `cache` cannot
    be written. A malformed record is left out and makes the result incomplete.
    """
    target = OutputFolder(out, inputs=[folders.root, *folders.moved.values(), negatives])
    for folder, option in ((Path(cache), "--cache"), (Path(out), "--out")):
        writable(folder, option)
    paper = papers.model_of(model, pretrained) if paper is None else paper
    reported = {} if paper is None else papers.reported(paper)
    trained = None if negatives is None else blind.learnt_on(negatives)
    questions = read(chosen(benchmarks, folders), folders, as_published=as_published)
    encoder = Encoder(model, pretrained, device=device, batch=batch)
    seen = encode(questions, folders, encoder, Path(cache) / encoder.key())
    answers = [scored(each, seen, trained, Path(cache)) for each in questions.asked]
    ability = [figure for gallery in questions.galleries for figure in general.retrieval(gallery, seen)]
    ability += [figure for labelled in questions.labelled for figure in general.classification(labelled, seen)]
    metrics = pl.concat([*(rows for rows, _ in answers), _rows(ability)], how="diagonal_relaxed")
    metrics = _beside_papers(metrics, reported)
    told_of = {
        each.source.name: described(each.source, each.rule, each.sheet, each.items, each.groups, seen)
        for each in questions.asked
    }
    told_of |= {each.name: described_gallery(each, seen) for each in questions.galleries}
    told_of |= {each.name: described_classes(each, seen) for each in questions.labelled}
    told = {
        "measurement": encoder.measurement | {"similarity": "cosine", "text": "as it stands in the benchmark's file"},
        "as_published": as_published,
        "absent": questions.absent,
        "complete": not questions.absent and all(each["complete"] for each in told_of.values()),
        "benchmarks": told_of,
        "metrics": metrics.to_dicts(),
    }
    with target as folder:
        scores = (
            pl.concat([scores for _, scores in answers]) if answers else pl.DataFrame(schema={"item_id": pl.String})
        )
        scores.write_parquet(folder / SCORES, statistics=False)
        metrics.write_parquet(folder / METRICS, statistics=False)
        write_json(folder / TOLD, told)
    return told


def chosen(names: str, folders: Folders) -> list[str]:
    """The benchmarks that `all` or a list with commas names. Raises InputError for an unknown one."""
    known = [*READERS, *karpathy.FILES, *image_folders.names(folders)]
    if names == "all":
        return known
    wanted = [name.strip() for name in names.split(",")]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InputError(f"no benchmark is called {', '.join(unknown)}", remedy=f"choose from: {', '.join(known)}")
    return wanted


def read(names: Sequence[str], folders: Folders, *, as_published: bool) -> Read:
    """What is there of the benchmarks. Raises InputError where there is nothing at all."""
    found = Read([], [], [], [])
    for name, moved in folders.moved.items():
        if not moved.exists():
            raise InputError("a moved folder is not there", file=moved, record=name, remedy="correct --move")
    for name in names:
        if name in karpathy.FILES:
            there = folders.path(karpathy.FILES[name]).is_file()
            with readable(name, folders.path(karpathy.FILES[name])):
                found.galleries.extend([karpathy.read(name, folders)] if there else [])
        elif name not in READERS:
            there = True
            with readable(name, folders.root):
                found.labelled.append(image_folders.read(name, folders))
        else:
            there = any(folders.files(pattern) for pattern in READERS[name].SOURCE.files)
            found.asked.extend([_read(READERS[name], folders, as_published=as_published)] if there else [])
        if not there:
            found.absent.append(name)
    if len(found.absent) == len(names):
        raise InputError(
            "no benchmark has a file under the data root",
            file=folders.root,
            record=", ".join(names),
            remedy="`nearmiss benchmarks list` says where their files belong",
        )
    return found


def _read(reader: ModuleType, folders: Folders, *, as_published: bool) -> Asked:
    source: Source = reader.SOURCE
    sheet = filled(source, reader.fill, folders)
    rule = source.as_published if as_published else source.rule
    items = sheet.items()
    place = items.select("item_id").with_row_index("item")
    groups = sheet.groups().join(place, on="item_id", maintain_order="left")
    return Asked(source, rule, sheet, items, published.kept(groups, rule))


def encode(questions: Read, folders: Folders, encoder: Encoder, folder: Path) -> Encoded:
    """The embeddings of everything that is asked about; what `folder` keeps is not made again."""
    carried = {name: picture for each in questions.asked for name, picture in each.sheet.carried.items()}
    carried |= {name: picture for each in questions.labelled for name, picture in each.carried.items()}
    paths = [path for each in questions.general for path in each.images]
    further = [text for each in questions.galleries for text in each.captions]
    further += [text for each in questions.labelled for prompts in each.prompts for text in prompts]
    return encoded(
        [*(each.items for each in questions.asked), images_alone(paths)],
        folders=folders,
        carried=carried,
        encoder=encoder,
        folder=folder,
        further=further,
    )


def writable(folder: Path, option: str) -> None:
    """Raise InputError where files cannot be made in a folder, or in the nearest folder above it that is there."""
    place = Path(os.path.abspath(folder))  # noqa: PTH100  (a link is looked at where it leads)
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise InputError(
            f"a folder cannot be written: {error.strerror or error}", file=folder, remedy=f"give another {option}"
        ) from None


def _rows(figures: Sequence[Figure]) -> pl.DataFrame:
    return (
        pl.DataFrame([vars(figure) for figure in figures], schema_overrides=SCHEMA)
        if figures
        else pl.DataFrame(schema=SCHEMA)
    )


def scored(each: Asked, seen: Encoded, trained: Probe | None, kept: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of metrics, and what every item that counts got. The folder `kept` keeps what blind probes found."""
    answered = published.answers(each.items, seen, each.rule)
    found = figures(each.groups, answered, each.items, each.rule, each.source)
    if each.rule.alone:
        asked = published.lines(each.items)
        asked = asked.with_columns(similarity=pl.Series(published.similarities(asked, seen)))
        found += alone.figures(each.groups, asked, each.items, each.source.name)
    rows = _rows(found)
    # The model's own text prior: all images are the same one, so only the captions differ.
    prior = published.answers(each.items, seen.blind(), each.rule)
    priors = figures(each.groups, prior, each.items, each.rule, each.source)
    pairs = blind.pairs_of(each.groups, each.items)
    columns: dict[str, Mapping[str, float | None]] = {
        "text_prior": {figure.part: figure.value for figure in priors if figure.side == "text"},
        "blind_probe": _averaged(blind.inside(pairs, kept), each),
        "training_probe": _averaged(trained(pairs) if trained is not None else {}, each),
    }
    rows = rows.with_columns(_column(name, known) for name, known in columns.items())
    return rows, _item_scores(each, answered)


def _item_scores(each: Asked, answered: pl.DataFrame) -> pl.DataFrame:
    """A row for each item that counts: similarities by image and caption, decisions, and what it weighs in its part."""
    scores = each.groups.join(answered, on="item", how="left", maintain_order="left")
    scores = scores.join(each.items.select("item_id", "images"), on="item_id", maintain_order="left")
    return scores.select(
        "item_id",
        pl.lit(each.source.name).alias("benchmark"),
        "part",
        "stratum",
        "images",
        pl.Series("weight", weights(scores, each.rule)),
        "similarity",
        pl.col(MAIN[each.rule.asked]).alias("score"),
        *published.SIDES,
    )


def _column(name: str, known: Mapping[str, float | None]) -> pl.Expr:
    """What a text-only judge reaches on a part, beside the figures that compare captions."""
    of_part = pl.col("part").replace_strict(dict(known), default=None, return_dtype=pl.Float64)
    return pl.when(pl.col("side") == "text").then(of_part).alias(name)


def _averaged(known: blind.Blind, each: Asked) -> blind.Blind:
    """What is known of parts, and of the averages all of whose parts are known."""
    parts = averaged(each.groups["part"].unique().to_list(), each.source.averages)
    return {name: sum(known[part] for part in of) / len(of) for name, of in parts.items() if known.keys() >= set(of)}


def _beside_papers(metrics: pl.DataFrame, reported: dict[tuple[str, str, str], papers.Reported]) -> pl.DataFrame:
    """`metrics` with what a paper says: published, its source, the difference of ours, and why it may be one."""
    found = [reported.get(key) for key in metrics.select("benchmark", "part", "metric").iter_rows()]
    return metrics.with_columns(
        pl.Series("published", [each and each.value for each in found], dtype=pl.Float64),
        pl.Series("published_source", [each and each.source for each in found], dtype=pl.String),
        pl.Series("published_reason", [each and each.reason for each in found], dtype=pl.String),
    ).with_columns(difference=pl.col("value") - pl.col("published"))
