"""Stage `evaluate`: score a model on benchmarks, item by item.

Each unique image and text is encoded once over all benchmarks. The scores of every item are kept (scores.parquet), what
they are worth follows from them (outcomes.parquet, metrics.parquet), and how they were measured is written beside
(measurement.json). A score with missing images is always marked as incomplete.

A cross-encoder's items are scored with its match logit, and the scores of its dual encoder are written beside it
(dual_scores.parquet, dual_metrics.parquet). Retrieval and classification stay with the dual part (scoring/match.py).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import torch

from nearmiss.base.device import device_of
from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json
from nearmiss.base.manifest import OF_IMAGES, Cost, verify_inputs, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.tables import table, write_table
from nearmiss.engine.benchmarks import papers, registry
from nearmiss.engine.benchmarks.benchmark import Benchmark, ItemBenchmark, Options, views_of
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.spec import OWN
from nearmiss.engine.models.image_features import FEATURES, RECORD
from nearmiss.engine.scoring.cache import check_cache
from nearmiss.engine.scoring.encode import encode
from nearmiss.engine.scoring.encoder import open_encoder
from nearmiss.engine.scoring.endpoints import ordered
from nearmiss.engine.scoring.evaluator import (
    Comparison,
    Training,
    outcomes,
    read_negatives,
    similarities,
    training_captions,
)
from nearmiss.engine.scoring.frozen_images import FrozenImages
from nearmiss.engine.scoring.images import BenchmarkImages
from nearmiss.engine.scoring.match import MatchScorer, pair_model
from nearmiss.engine.scoring.metrics import Bootstrap, Run
from nearmiss.engine.scoring.model import Model
from nearmiss.stages.evaluate.config import EvaluateConfig
from nearmiss.stages.evaluate.measurement import described, is_complete

SCORES, OUTCOMES, METRICS = "scores.parquet", "outcomes.parquet", "metrics.parquet"
DUAL_SCORES, DUAL_METRICS = "dual_scores.parquet", "dual_metrics.parquet"
MEASUREMENT = "measurement.json"
COSINE, MATCH_LOGIT = "cosine", "match_logit"


def run(
    *,
    config: EvaluateConfig,
    model: Model,
    root: DataRoot,
    out: Path,
    cache: Path,
    features: Path | None = None,
    negatives: Path | None = None,
    captions: Path | None = None,
    paper: str | None = None,
    fingerprint: Path | None = None,
) -> dict[str, Any]:
    """Evaluate a model and write the folder `out`; return the content of measurement.json.

    `root` holds the files of the benchmarks. `negatives` (a table, or the folder of a method) is what the model was
    trained on, for the marks seen, wording, concept, unseen and a text-only probe; `captions` (a table, of which the
    set `config.captions` counts) are those of its training images, for the plausibility baselines; `paper` names whose
    published values stand beside. `cache` keeps embeddings by the model's hash; `features` has those of the images
    behind the frozen part of the image tower (features.py).

    Everything is read and checked before the model is opened. Benchmarks none of whose files exist are named in
    `absent`; a malformed record or a missing image makes the result incomplete.
    """
    cost = Cost()
    checkpoint = model.folder
    read = [*root.inputs(), negatives, captions, checkpoint, features]
    target = OutputFolder(out, inputs=read, roots=[root.path("source")])
    check_cache(Path(cache))
    torch.set_num_threads(config.threads)
    device = device_of(config.device, key="evaluate.device")
    table_of_negatives = None if negatives is None else _table(Path(negatives))
    cached = {} if features is None else {"features": features / FEATURES, "features/record": features / RECORD}
    inputs = verify_inputs({"checkpoint": checkpoint, "negatives": table_of_negatives, "captions": captions} | cached)
    reported = _reported(model, paper)
    options = options_of(config)
    names = config.benchmarks if config.benchmarks is not None else registry.existing(root, options)
    benchmarks, absent = registry.load(names, root, options)
    training = Training(training_captions(captions, config.captions, root), read_negatives(table_of_negatives))
    images = BenchmarkImages(benchmarks, root, Path(cache))
    if config.missing == "refuse":
        _refuse_missing(benchmarks, absent, images, root, config.split)

    encoder = open_encoder(model, device=device.type, batch_size=config.batch_size)
    frozen = None if features is None else FrozenImages(features, encoder)
    embeddings = encode(benchmarks, images, encoder, Path(cache), frozen)
    pairs = pair_model(encoder, checkpoint)
    match_scorer = None if pairs is None else MatchScorer(pairs, batch_size=config.batch_size)
    how = Bootstrap(config.resamples, config.level)
    scores, dual_scores, found, rows, dual_rows, blind_rows = [], [], [], [], [], []
    for benchmark in benchmarks:
        split = config.split if benchmark.name in OWN else None
        row = Run(encoder.name, model.arm, model.seed, "evaluate", split)
        beside = Comparison(benchmark, training, embeddings)
        cosine = similarities(benchmark, embeddings)
        if match_scorer is not None and isinstance(benchmark, ItemBenchmark):
            logits = match_scorer.similarities(benchmark.items, images)
            scores.append(_scores(logits, row, MATCH_LOGIT))
            dual_scores.append(_scores(cosine, row, COSINE))
            dual_rows.append(beside.rows(outcomes(benchmark, embeddings), row, how))
            got = outcomes(benchmark, embeddings, logits)
        else:
            scores.append(_scores(cosine, row, COSINE))
            got = outcomes(benchmark, embeddings)
        found.append(got)
        rows.append(_with_published(beside.rows(got, row, how), reported))
        blind_rows.append(beside.blind_rows(row, how))
    measurement = {
        "model": encoder.measurement | {"arm": model.arm, "seed": model.seed},
        "similarity": _scorers(match_scorer is not None),
        "split": config.split,
        "released": config.released,
        "absent": absent,
        "complete": not absent and all(is_complete(each, embeddings) for each in benchmarks),
        "benchmarks": {each.name: described(each, images, embeddings) for each in benchmarks},
        "published": {f"{b} {s} {m}": vars(value) for (b, s, m), value in sorted(reported.items())},
        "intervals": how.record(),
        "batch_size": config.batch_size,
        "threads": config.threads,
        "device": device.type,
    }
    inputs |= {f"{each.name}/{name}": digest for each in benchmarks for name, digest in each.coverage.hashes.items()}
    inputs |= {f"{each.name}{OF_IMAGES}": images.digest(each) for each in benchmarks}
    cost.counts.update(images=len(embeddings.view_rows), texts=len(embeddings.text_rows), items=_count(scores))
    tables: dict[str, tuple[str, pl.DataFrame]] = {
        SCORES: ("scores", pl.concat(scores).sort("item_id")),
        OUTCOMES: ("outcomes", ordered(found)),
        METRICS: ("metrics", pl.concat([*rows, *blind_rows])),
    }
    if dual_scores:
        tables |= {DUAL_SCORES: ("scores", pl.concat(dual_scores).sort("item_id"))}
        tables |= {DUAL_METRICS: ("metrics", pl.concat(dual_rows))}
    with target as folder:
        for name, (schema, frame) in tables.items():
            write_table(frame, folder / name, schema)
        write_json(folder / MEASUREMENT, measurement)
        cost.write(folder)
        outputs = sorted([MEASUREMENT, *tables])
        write_manifest(folder, stage="evaluate", fingerprint=fingerprint, inputs=inputs, outputs=outputs)
    return measurement


def options_of(config: EvaluateConfig) -> Options:
    """The options with which benchmarks are read."""
    recall_at = tuple(config.recall_at)
    return Options(split=config.split, released=config.released, recall_at=recall_at, tagger=config.tagger)


def _refuse_missing(
    benchmarks: Sequence[Benchmark], absent: Sequence[str], images: BenchmarkImages, root: DataRoot, split: str
) -> None:
    remedy = "get the files (`nearmiss benchmarks list`), or set evaluate.missing to allow"
    if absent:
        file = root.path(registry.reader(absent[0]).card.files[0].format(split=split))
        raise InputError("no file of a benchmark exists", file=file, record=", ".join(absent), remedy=remedy)
    for benchmark in benchmarks:
        paths = {path for path, _ in views_of(benchmark)}
        lacking = [*benchmark.coverage.files_missing, *sorted(paths - images.digests.keys())]
        if lacking:
            raise InputError(
                f"{len(lacking):,} files of benchmark {benchmark.name} are missing",
                file=root.path(lacking[0]),
                remedy=remedy,
            )


def _table(path: Path) -> Path:
    return path / "negatives.parquet" if path.is_dir() else path


def _reported(model: Model, paper: str | None) -> dict[tuple[str, str, str], papers.Reported]:
    """What a paper reports of the model: by the given name, or by the model's own name."""
    name = papers.model_of(model.name, model.pretrained) if paper is None else paper
    return {} if name is None else papers.reported(name)


def _with_published(rows: pl.DataFrame, reported: dict[tuple[str, str, str], papers.Reported]) -> pl.DataFrame:
    found = [reported.get(key) for key in rows.select("benchmark", "subset", "metric").iter_rows()]
    return rows.with_columns(published=pl.Series([each and each.value for each in found], dtype=pl.Float64))


def _scores(similarity: pl.DataFrame, run: Run, scorer: str) -> pl.DataFrame:
    """Table `scores` of clean items."""
    columns = {"model": run.model, "arm": run.arm, "seed": run.seed, "scorer": scorer}
    return similarity.with_columns(
        *(pl.lit(value).alias(name) for name, value in columns.items()),
        pl.lit(None, pl.String).alias("corruption"),
        pl.lit(None, pl.Int64).alias("severity"),
    ).select(table("scores", []).columns)


def _scorers(fused: bool) -> dict[str, str]:
    """Which similarity the metrics of each kind of benchmark are computed from."""
    cosine = "cosine of L2-normalized fp32 embeddings"
    if not fused:
        return {"items": cosine, "retrieval, classification": cosine}
    return {
        "items": f"match_logit: log-odds of the matching head, fp32; {cosine} in {DUAL_SCORES}, {DUAL_METRICS}",
        "retrieval, classification": f"{cosine}, of the dual part",
    }


def _count(scores: list[pl.DataFrame]) -> int:
    return sum(each.height for each in scores)
