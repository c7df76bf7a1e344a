"""Stage `evaluate`: one checkpoint, asked everything once.

Each unique image and text is encoded once; the scores of every question are kept (scores.parquet), figures follow from
them (metrics.parquet), and how they were measured is written beside them (measurement.json).
"""

from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import replacing_folder, write_json
from nearmiss.base.manifest import Cost, write_manifest
from nearmiss.base.progress import progress
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.scoring import exam, metrics
from nearmiss.engine.scoring.answers import Answers
from nearmiss.engine.scoring.embeddings import Embedder, open_image
from nearmiss.engine.scoring.exam import Exam
from nearmiss.engine.scoring.metrics import Interval, Key, Scored
from nearmiss.stages.evaluate.config import EvaluateConfig

TAUGHT = 0.01


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
) -> None:
    """Evaluate the checkpoint folder of run (arm, seed) on split `config.split` and write the folder `out`.

    `tables` holds the tables of stage data, `root` the folder that the files of table `images` are relative to,
    `negatives` the folder of the arm's method, for the mark seen / concept / unseen. Everything is read and checked,
    every image decoded once, before the model is opened.
    """
    cost = Cost()
    tables = Path(tables)
    asked = exam.read(tables, config.split, config.benchmarks, config.recall_at)
    trained = trained_pairs(negatives)
    training = _training_captions(tables)
    images, texts = asked.images(), asked.texts()
    files = _image_files(asked, tables / "images.parquet", Path(root))

    model = Embedder(checkpoint, batch=config.batch, threads=config.threads)
    answers = Answers(
        images=model.images(files, [crop for _, crop in images]),
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
        if negatives is not None:
            inputs["negatives"] = Path(negatives) / "negatives.parquet"
        outputs = ["measurement.json", "metrics.parquet", "scores.parquet"]
        cost.write(folder)
        write_manifest(folder, stage="evaluate", identity=identity, inputs=inputs, outputs=outputs)


def trained_pairs(negatives: Path | None) -> frozenset[tuple[str, str]]:
    """The (concept, operator) pairs that at least `TAUGHT` of an arm's negatives have; none where it has no negatives.

    Below that share a pair is an accident: a caption of another image happens to differ by one word.
    """
    if negatives is None:
        return frozenset()
    made = read_table(Path(negatives) / "negatives.parquet", "negatives")
    counts = made.group_by("concept", "operator").len().drop_nulls().filter(pl.col("len") >= TAUGHT * made.height)
    return frozenset(counts.select("concept", "operator").iter_rows())


def _training_captions(tables: Path) -> list[str]:
    """What the plausibility baselines learn from: the narrow captions of training images, as every arm sees them."""
    training = read_table(tables / "images.parquet", "images").filter(pl.col("split") == "train")
    captions = read_table(tables / "captions_narrow.parquet", "captions")
    return captions.join(training, on="image_id", how="semi").sort("caption_id")["text"].to_list()


def _image_files(asked: Exam, table: Path, root: Path) -> list[Path]:
    """The file of each of `asked.images()`. Raises InputError where one is unknown, missing or does not decode."""
    known: dict[str, str] = dict(read_table(table, "images").select("image_id", "file").iter_rows())
    wanted = sorted({image_id for image_id, _ in asked.images()})
    for image_id in progress(wanted, what="check images", total=len(wanted)):
        if image_id not in known:
            raise InputError(
                "a benchmark asks for an image that is not in the table of images",
                file=table,
                record=image_id,
                remedy="make the data again, so that both tables come from one run",
            )
        open_image(root / known[image_id])
    return [root / known[image_id] for image_id, _ in asked.images()]


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
    }
