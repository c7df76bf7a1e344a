"""Stage `robustness`: scores benchmarks with corrupted images and with corrupted captions.

Every unique text is encoded once for all corruptions of images, and every clean image once for all corruptions of
captions. The reported value of a benchmark is its first metric (`accuracy` of single decisions, `score`, recall,
top-1), on the same items for clean and corrupted inputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import torch

from nearmiss.base.device import device_of
from nearmiss.base.files import write_json
from nearmiss.base.manifest import Cost, verify_inputs, verify_written, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.tables import table, write_table
from nearmiss.engine.benchmarks.benchmark import Benchmark, ItemBenchmark
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.spec import OWN
from nearmiss.engine.images.corruptions.registry import CORRUPTIONS
from nearmiss.engine.scoring import metrics
from nearmiss.engine.scoring.embeddings import Embeddings
from nearmiss.engine.scoring.encode import encode
from nearmiss.engine.scoring.encoder import Encoder, open_encoder
from nearmiss.engine.scoring.evaluator import (
    Comparison,
    Training,
    outcomes,
    read_negatives,
    similarities,
    training_captions,
)
from nearmiss.engine.scoring.images import BenchmarkImages
from nearmiss.engine.scoring.metrics import Bootstrap, Run
from nearmiss.engine.scoring.model import Model
from nearmiss.stages.robustness import corrupted as files
from nearmiss.stages.robustness.captions import changed_words, with_corrupted_captions
from nearmiss.stages.robustness.config import RobustnessConfig
from nearmiss.stages.robustness.corrupted import Cell, Corrupted, label
from nearmiss.stages.robustness.selection import with_images

REPORTED = ("accuracy", "score", "recall@1", "top1")
"""The metrics that are compared with their clean values."""


@dataclass(frozen=True)
class Variant:
    """One benchmark: clean, with corrupted images, or with corrupted captions."""

    clean: Benchmark
    benchmark: Benchmark
    cell: Cell | None


def run(
    *,
    config: RobustnessConfig,
    model: Model,
    corrupted: Path,
    root: DataRoot,
    out: Path,
    cache: Path,
    negatives: Path | None = None,
    captions: Path | None = None,
    fingerprint: Path | None = None,
) -> None:
    """Score a model on the images that command `corrupt` wrote to `corrupted`; write the folder `out`.

    `root`, `negatives`, `captions` and `cache` are those of stage evaluate. All inputs are read and
    checked before the model is loaded.
    """
    cost = Cost()
    torch.set_num_threads(config.threads)
    device = device_of(config.device, key="robustness.device")
    checkpoint = model.folder
    target = OutputFolder(
        out,
        inputs=[checkpoint, corrupted, *root.inputs(), negatives, captions],
        roots=[root.path("source")],
    )
    table_of_negatives = negatives / "negatives.parquet" if negatives is not None and negatives.is_dir() else negatives
    read = {"checkpoint": checkpoint, "corrupted": Path(corrupted) / "manifest.json", "captions": captions}
    inputs = verify_inputs({**read, "negatives": table_of_negatives})
    verify_written(sorted(Path(corrupted).iterdir()))
    benchmarks, images = files.selected(config, root, Path(cache))
    pixels = files.read(Path(corrupted), config, benchmarks, images)
    variants = [variant for benchmark in benchmarks for variant in _variants(benchmark, pixels, config)]
    training = Training(training_captions(captions, config.captions, root), read_negatives(table_of_negatives))

    encoder = open_encoder(model, device=device.type, batch_size=config.batch_size)
    every = [variant.benchmark for variant in variants]
    embeddings = encode(every, BenchmarkImages(every, DataRoot(None), Path(cache)), encoder, Path(cache))
    how = Bootstrap(config.resamples, config.level)
    scores, rows = [], []
    for benchmark in benchmarks:
        own = [variant for variant in variants if variant.clean is benchmark]
        split = config.split if benchmark.name in OWN else None
        row = Run(encoder.name, model.arm, model.seed, "robustness", split)
        scores += [_scores(variant, embeddings, row) for variant in own]
        rows += _rows(own, embeddings, training, row, how, config.floor)
    cost.counts.update(images=len(embeddings.view_rows), texts=len(embeddings.text_rows), items=scores[0].height)
    with target as folder:
        write_table(pl.concat(scores), folder / "scores.parquet", "scores")
        write_table(pl.concat(rows), folder / "metrics.parquet", "metrics")
        write_json(folder / "measurement.json", _measurement(config, variants, encoder, how))
        cost.write(folder)
        outputs = ["measurement.json", "metrics.parquet", "scores.parquet"]
        write_manifest(folder, stage="robustness", fingerprint=fingerprint, inputs=inputs, outputs=outputs)


def _variants(benchmark: Benchmark, pixels: Corrupted, config: RobustnessConfig) -> list[Variant]:
    """A benchmark clean, under every corruption of images that has items, and of captions."""
    found = [Variant(benchmark, with_images(benchmark, partial(label, cell=None), pixels.embedded(None)), None)]
    clean = found[0].benchmark
    for cell in pixels.cells:
        answerable = _answerable(benchmark, cell.corruption)
        if not isinstance(answerable, ItemBenchmark) or not answerable.items.is_empty():
            other = with_images(answerable, partial(label, cell=cell), pixels.embedded(cell))
            found.append(Variant(benchmark, other, cell))
    found += [Variant(benchmark, other, cell) for cell, other in with_corrupted_captions(clean, config)]
    return found


def _answerable(benchmark: Benchmark, corruption: str) -> Benchmark:
    """The items whose concept is preserved under a corruption of images."""
    destroyed = CORRUPTIONS[corruption].destroys
    if not isinstance(benchmark, ItemBenchmark) or not destroyed:
        return benchmark
    kept = benchmark.items.filter(pl.col("concept").is_null() | ~pl.col("concept").is_in(sorted(destroyed)))
    return replace(benchmark, items=kept)


def _rows(
    variants: Sequence[Variant], embeddings: Embeddings, training: Training, run: Run, how: Bootstrap, floor: float
) -> list[pl.DataFrame]:
    """Table `metrics` of one benchmark: clean, then of every corruption and severity."""
    first, *others = variants
    comparison = Comparison(first.benchmark, training, embeddings)
    clean = _reported(first.benchmark, outcomes(first.benchmark, embeddings))
    found = [metrics.rows(clean, run, how, comparison.references)]
    for variant in others:
        assert variant.cell is not None
        same = not isinstance(variant.benchmark, ItemBenchmark) or _same_texts(variant.benchmark, first.benchmark)
        known = comparison if same else Comparison(variant.benchmark, training, embeddings)
        found.append(
            metrics.corrupted_rows(
                _reported(variant.benchmark, outcomes(variant.benchmark, embeddings)),
                clean,
                run,
                how,
                known.references,
                corruption=variant.cell.corruption,
                severity=variant.cell.severity,
                floor=floor,
            )
        )
    return found


def _same_texts(benchmark: ItemBenchmark, other: Benchmark) -> bool:
    """Whether two benchmarks have the same items and captions, and therefore the same text-only baselines."""
    assert isinstance(other, ItemBenchmark)
    return benchmark.items.select("item_id", "captions").equals(other.items.select("item_id", "captions"))


def _reported(benchmark: Benchmark, found: pl.DataFrame) -> pl.DataFrame:
    """The outcomes of the reported metrics, without pooled subsets, whose parts are reported.

    Items are identified by the clean images' names, so that corrupted and clean outcomes are paired.
    """
    kept = found.filter(pl.col("metric").is_in(REPORTED))
    if isinstance(benchmark, ItemBenchmark):
        return kept.filter(~pl.col("subset").is_in(list(benchmark.measurement.pooled_subsets)))
    return kept.with_columns(pl.col("item_id").str.replace(r"@[a-z_]+-\d$", ""))


def _scores(variant: Variant, embeddings: Embeddings, run: Run) -> pl.DataFrame:
    """Table `scores` of one variant; corruption and severity of clean items are null."""
    cell = variant.cell
    return (
        similarities(variant.benchmark, embeddings)
        .with_columns(
            pl.lit(run.model).alias("model"),
            pl.lit(run.arm).alias("arm"),
            pl.lit(run.seed).alias("seed"),
            pl.lit("cosine").alias("scorer"),
            pl.lit(cell.corruption if cell else None, pl.String).alias("corruption"),
            pl.lit(cell.severity if cell else None, pl.Int64).alias("severity"),
        )
        .select(table("scores", []).columns)
    )


def _measurement(
    config: RobustnessConfig, variants: Sequence[Variant], encoder: Encoder, how: Bootstrap
) -> dict[str, Any]:
    """How the metrics were computed, for measurement.json."""
    clean = [variant for variant in variants if variant.cell is None]
    return {
        "benchmarks": {each.benchmark.name: _described(each, variants, config) for each in clean},
        "split": config.split,
        "seed": config.seed,
        "severities": sorted(config.severities),
        "corruptions": [each.model_dump(mode="json") for each in config.corruptions],
        "lengths": "given for a side of 224 pixels, scaled by the shorter side over 224, applied to images whose "
        f"shorter side is at most {config.side} pixels",
        "texts": [each.model_dump(mode="json") for each in config.texts],
        "metrics": {
            "reported": "the first metric of each benchmark; a row without corruption is clean",
            "drop": "<metric>_drop: the clean value minus the corrupted one of the same items, intervals paired; "
            "positive is worse",
            "retained": "(value - chance) / (clean value - chance) of the same items; no row if the lower bound of "
            f"the clean value exceeds chance by less than {config.floor} of the distance to 1",
        },
        "blind": {
            "clean": "the best text-only baseline on the selected items",
            "images": "as clean, over the remaining items: corruptions of images do not change the captions",
            "texts": "computed again on the corrupted captions",
        },
        "model": encoder.measurement,
        "intervals": how.record(),
        "batch_size": config.batch_size,
        "threads": config.threads,
        "device": encoder.device.type,
    }


def _described(clean: Variant, variants: Sequence[Variant], config: RobustnessConfig) -> dict[str, Any]:
    benchmark = clean.benchmark
    if not isinstance(benchmark, ItemBenchmark):
        return {}
    own = [variant for variant in variants if variant.clean is clean.clean]
    texts = {each.corruption for each in config.texts}
    made = {
        variant.cell: variant.benchmark
        for variant in own
        if variant.cell is not None
        and variant.cell.corruption in texts
        and isinstance(variant.benchmark, ItemBenchmark)
    }
    counts = benchmark.items.group_by("concept", "operator").len().sort("concept", "operator", nulls_last=False)
    corruptions = sorted(each.corruption for each in config.corruptions)
    excluded = {name: found for name in corruptions if (found := _excluded(benchmark, name)) is not None}
    return {
        "items": {f"{concept} {operator}": count for concept, operator, count in counts.iter_rows()},
        "changed_words": changed_words(benchmark, made),
        "excluded": {name: concepts for name, (concepts, _) in excluded.items()},
        "why_excluded": {name: reason for name, (_, reason) in excluded.items()},
    }


def _excluded(benchmark: ItemBenchmark, corruption: str) -> tuple[list[str], str] | None:
    """Concepts that are not scored under a corruption of images, and why; None if all are scored."""
    concepts = sorted(CORRUPTIONS[corruption].destroys & set(benchmark.items["concept"]))
    if not concepts:
        return None
    left = _answerable(benchmark, corruption)
    assert isinstance(left, ItemBenchmark)
    count = benchmark.items.height - left.items.height
    return concepts, f"{corruption} does not preserve {', '.join(concepts)}: {count} items are not scored"
