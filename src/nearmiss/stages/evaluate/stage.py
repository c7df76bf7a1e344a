"""Stage `evaluate`: one checkpoint, asked everything once.

Each unique image and text is encoded once; the scores of every question are kept (scores.parquet), figures follow from
them (metrics.parquet), and how they were measured is written beside them (measurement.json).
"""

from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.device import device_of
from nearmiss.base.errors import InputError
from nearmiss.base.files import replacing_folder, write_json
from nearmiss.base.manifest import Cost, write_manifest
from nearmiss.base.progress import progress
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.scoring import exam, metrics
from nearmiss.engine.scoring.answers import Answers
from nearmiss.engine.scoring.embeddings import Embedder, Picture, open_image
from nearmiss.engine.scoring.exam import Exam
from nearmiss.engine.scoring.metrics import Interval, Key, Scored
from nearmiss.engine.scoring.trained import trained_pairs
from nearmiss.stages.evaluate.config import EvaluateConfig


def run(
    *,
    config: EvaluateConfig,
    arm: str,
    seed: int,
    checkpoint: Path,
    tables: Path,
    root: Path,
    negatives: Path | None,
    identity: Path | None,
    out: Path,
    inpaint: Path | None = None,
) -> None:
    """Evaluate the checkpoint folder of run (arm, seed) on split `config.split` and write the folder `out`.

    `tables` holds the tables of stage data, `root` the folder that the files of table `images` are relative to,
    `negatives` the folder of the arm's method, for the mark seen / concept / unseen, `inpaint` the pairs of benchmark
    inpaintcoco. Everything is read and checked, every image decoded once, before the model is opened.
    """
    cost = Cost()
    device = device_of(config.device, key="evaluate.device")
    tables = Path(tables)
    asked = exam.read(tables, config.split, config.benchmarks, config.recall_at, inpaint)
    trained = trained_pairs(negatives)
    training = _training_captions(tables)
    images, texts = asked.images(), asked.texts()
    pictures = _pictures(asked, tables / "images.parquet", Path(root))

    model = Embedder(checkpoint, batch=config.batch, threads=config.threads, device=device.type)
    answers = Answers(
        images=model.images(pictures, [image_id for image_id, _ in images]),
        texts=model.texts(texts),
        image_place={pair: index for index, pair in enumerate(images)},
        text_place={text: index for index, text in enumerate(texts)},
    )
    similarity = asked.similarity(answers)
    rows = _rows(asked, similarity, training, config, Scored(model.name, arm, seed, "evaluate", config.split), trained)
    scores = similarity.with_columns(
        model=pl.lit(model.name),
        arm=pl.lit(arm),
        seed=pl.lit(seed),
        scorer=pl.lit("cosine"),
        corruption=pl.lit(None, pl.String),
        severity=pl.lit(None, pl.Int64),
    )

    cost.counts.update(images=len(images), texts=len(texts), questions=scores.height)
    with replacing_folder(out) as folder:
        write_table(scores, folder / "scores.parquet", "scores")
        write_table(rows, folder / "metrics.parquet", "metrics")
        write_json(folder / "measurement.json", _measurement(asked, model, config))
        inputs = {"checkpoint": Path(checkpoint), "tables": tables, "images": Path(root) / "images"}
        if inpaint is not None:
            inputs["inpaint"] = Path(inpaint)
        if negatives is not None:
            inputs["negatives"] = Path(negatives) / "negatives.parquet"
        outputs = ["measurement.json", "metrics.parquet", "scores.parquet"]
        cost.write(folder)
        write_manifest(folder, stage="evaluate", identity=identity, inputs=inputs, outputs=outputs)


def _training_captions(tables: Path) -> list[str]:
    """What the plausibility baselines learn from: the narrow captions of training images, as every arm sees them."""
    training = read_table(tables / "images.parquet", "images").filter(pl.col("split") == "train")
    captions = read_table(tables / "captions_narrow.parquet", "captions")
    return captions.join(training, on="image_id", how="semi").sort("caption_id")["text"].to_list()


def _pictures(asked: Exam, table: Path, root: Path) -> list[Picture]:
    """How each of `asked.images()` is opened. Raises InputError where one is unknown, missing or does not decode."""
    known: dict[str, str] = dict(read_table(table, "images").select("image_id", "file").iter_rows())
    carried = asked.inpainted.pictures if asked.inpainted is not None else {}
    for image_id in progress(sorted({image_id for image_id, _ in asked.images()} - set(carried)), what="check images"):
        if image_id not in known:
            raise InputError(
                "a benchmark asks for an image that is not in the table of images",
                file=table,
                record=image_id,
                remedy="make the data again, so that both tables come from one run",
            )
        open_image(root / known[image_id])
    return [
        partial(open_image, BytesIO(carried[image_id]), crop)
        if image_id in carried
        else partial(open_image, root / known[image_id], crop)
        for image_id, crop in asked.images()
    ]


def _rows(
    asked: Exam,
    similarity: pl.DataFrame,
    training: list[str],
    config: EvaluateConfig,
    scored: Scored,
    trained: frozenset[tuple[str, str]],
) -> pl.DataFrame:
    """Table `metrics`: the model's rows, then those of each blind baseline."""
    blind = asked.blind(training)
    best: dict[Key, float] = {}
    for outcomes in blind.values():
        for key, figure in metrics.figures(outcomes).items():
            best[key] = max(figure, best.get(key, 0.0))
    how = Interval(resamples=config.resamples, level=config.level)
    expected = asked.n_expected()
    parts = [metrics.rows(asked.outcomes(similarity), scored, how, n_expected=expected, blind=best, trained=trained)]
    for name, outcomes in sorted(blind.items()):
        nobody = Scored("blind", name, scored.seed, scored.stage, scored.split)
        parts.append(metrics.rows(outcomes, nobody, how, n_expected=expected, blind=best, trained=frozenset()))
    return pl.concat(parts)


def _measurement(asked: Exam, model: Embedder, config: EvaluateConfig) -> dict[str, Any]:
    """How the figures were measured: the benchmarks' own words, the model's activation and preprocessing."""
    return {
        "benchmarks": [measurement.as_record() for measurement in asked.measurements()],
        "model": {"name": model.name, "activation": model.activation, "preprocessing": model.preprocessing},
        "intervals": {
            "method": "percentile bootstrap over clusters of questions that share images",
            "level": config.level,
            "resamples": config.resamples,
        },
        "batch": config.batch,
        "threads": config.threads,
        "device": model.device,
    }
