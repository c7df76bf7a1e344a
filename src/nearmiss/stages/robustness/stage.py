"""Stage `robustness`: one checkpoint, asked the same items under noisy images and mistyped captions.

Texts are encoded once for all corruptions of images, clean images once for all typos.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from nearmiss.base.device import device_of
from nearmiss.base.files import write_json
from nearmiss.base.manifest import Cost, verify_inputs, verify_written, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.progress import progress
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.scoring import metrics, retained
from nearmiss.engine.scoring.answers import Answers
from nearmiss.engine.scoring.embeddings import Embedder
from nearmiss.engine.scoring.metrics import Interval, Scored
from nearmiss.engine.scoring.trained import trained_pairs
from nearmiss.stages.robustness import measurement, opened
from nearmiss.stages.robustness.accuracy import accuracy
from nearmiss.stages.robustness.blind import TextOnly
from nearmiss.stages.robustness.captions import TYPOS, mistyped_items
from nearmiss.stages.robustness.config import RobustnessConfig
from nearmiss.stages.robustness.corrupted import Cell


def run(
    *,
    config: RobustnessConfig,
    arm: str,
    seed: int,
    checkpoint: Path,
    corrupted: Path,
    tables: Path,
    root: Path,
    negatives: Path | None,
    fingerprint: Path | None,
    out: Path,
) -> None:
    """Score the checkpoint of run (arm, seed) on what command `corrupt` made in `corrupted`; write the folder `out`.

    `tables` and `root` are those of stage data; `negatives` is the folder of the arm's method, for the mark seen /
    concept / unseen. Everything is read and checked before the model is opened.
    """
    cost = Cost()
    device = device_of(config.device, key="robustness.device")
    tables = Path(tables)
    target = OutputFolder(out, inputs=[checkpoint, corrupted, tables, negatives], roots=[root])
    read = {
        "checkpoint": Path(checkpoint),
        "corrupted": Path(corrupted) / "manifest.json",
        "images": tables / "images.parquet",
        "captions": tables / "captions_narrow.parquet",
        "negatives": None if negatives is None else Path(negatives) / "negatives.parquet",
    }
    inputs = verify_inputs(read)
    verify_written(sorted(Path(corrupted).iterdir()))
    asked = opened.read(Path(corrupted), config, tables, Path(root))
    typed = mistyped_items(asked.items, config)
    trained = trained_pairs(negatives)
    texts = sorted({text for frame in (asked.items, *typed.values()) for text in frame["captions"].explode()})
    blind = TextOnly(texts, _training_captions(tables))

    model = Embedder(checkpoint, batch=config.batch_size, threads=config.threads, device=device.type)
    answers = partial(
        Answers,
        texts=model.texts(texts),
        image_place={(image_id, None): row for row, image_id in enumerate(asked.image_ids)},
        text_place={text: row for row, text in enumerate(texts)},
    )
    scored = Scored(model.name, arm, seed, "robustness", config.split)
    how = Interval(config.resamples, config.level)

    unharmed = answers(images=_encode(model, asked.clean, asked.image_ids))
    similarity = unharmed.of_items(asked.items)
    clean, known = accuracy(asked.items, similarity), blind.best(asked.items)
    scores = [_scores(similarity, scored, None)]
    figures = [metrics.rows(clean, scored, how, n_expected={}, blind=known, trained=trained)]

    noisy = partial(retained.rows, clean=clean, scored=scored, how=how, floor=config.floor, trained=trained)
    for cell, pixels in progress(asked.noisy.items(), what="score corrupted images", total=len(asked.noisy)):
        items = measurement.answerable(asked.items, cell.corruption)
        if items.is_empty():
            continue
        similarity = answers(images=_encode(model, pixels, asked.image_ids)).of_items(items)
        scores.append(_scores(similarity, scored, cell))
        best = known if items.height == asked.items.height else blind.best(items)
        outcomes = accuracy(items, similarity)
        figures.append(noisy(outcomes, corruption=cell.corruption, severity=cell.severity, blind=best))
    for severity, items in typed.items():
        similarity = unharmed.of_items(items)
        scores.append(_scores(similarity, scored, Cell(TYPOS, severity)))
        outcomes = accuracy(items, similarity)
        figures.append(noisy(outcomes, corruption=TYPOS, severity=severity, blind=blind.best(items)))

    encoded = len(asked.image_ids) * (1 + len(asked.noisy))
    cost.counts.update(images=encoded, texts=len(texts), questions=asked.items.height)
    with target as folder:
        write_table(pl.concat(scores), folder / "scores.parquet", "scores")
        write_table(pl.concat(figures), folder / "metrics.parquet", "metrics")
        write_json(folder / "measurement.json", measurement.record(config, asked.items, typed, model))
        cost.write(folder)
        outputs = ["measurement.json", "metrics.parquet", "scores.parquet"]
        write_manifest(folder, stage="robustness", fingerprint=fingerprint, inputs=inputs, outputs=outputs)


def _training_captions(tables: Path) -> list[str]:
    """What the blind baselines learn from: the narrow captions of training images."""
    training = read_table(tables / "images.parquet", "images").filter(pl.col("split") == "train")
    captions = read_table(tables / "captions_narrow.parquet", "captions")
    return captions.join(training, on="image_id", how="semi").sort("caption_id")["text"].to_list()


def _encode(model: Embedder, pixels: np.ndarray, names: Sequence[str]) -> np.ndarray:
    return model.images([partial(_picture, pixels, row) for row in range(len(pixels))], names)


def _picture(pixels: np.ndarray, row: int) -> Image.Image:
    return Image.fromarray(np.asarray(pixels[row]))


def _scores(similarity: pl.DataFrame, scored: Scored, cell: Cell | None) -> pl.DataFrame:
    """Rows of table `scores`; without a cell they are clean."""
    return similarity.select(
        pl.lit(scored.model).alias("model"),
        pl.lit(scored.arm).alias("arm"),
        pl.lit(scored.seed).alias("seed"),
        pl.lit("cosine").alias("scorer"),
        pl.lit(cell.corruption if cell else None, pl.String).alias("corruption"),
        pl.lit(cell.severity if cell else None, pl.Int64).alias("severity"),
        "item_id",
        "similarity",
    )
