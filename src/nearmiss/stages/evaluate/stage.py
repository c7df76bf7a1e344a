"""Stage `evaluate`: one checkpoint, asked everything once.

Each unique image and text is encoded once; the scores of every question are kept (scores.parquet), figures follow from
them (metrics.parquet), and how they were measured is written beside them (measurement.json).

A cross-encoder's items are scored with its match logit, and what its dual part says of them lies beside that
(dual_scores.parquet, dual_metrics.parquet). Retrieval and classification stay with the dual part (scoring/match.py).
"""

from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.device import device_of
from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json
from nearmiss.base.manifest import Cost, verify_inputs, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.progress import progress
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.models.cross_encoder import has_fusion
from nearmiss.engine.scoring import exam, metrics
from nearmiss.engine.scoring.answers import Answers
from nearmiss.engine.scoring.embeddings import Embedder, Picture, open_image
from nearmiss.engine.scoring.exam import Exam
from nearmiss.engine.scoring.match import MatchScorer
from nearmiss.engine.scoring.metrics import Interval, Key, Scored
from nearmiss.engine.scoring.trained import trained_pairs
from nearmiss.stages.evaluate.config import EvaluateConfig

DUAL_SCORES, DUAL_METRICS = "dual_scores.parquet", "dual_metrics.parquet"
SCORERS = {
    "items": "match_logit: log-odds of the matching head, fp32; cosine in dual_scores.parquet, dual_metrics.parquet",
    "retrieval, classification": "cosine of the dual part",
}


def run(
    *,
    config: EvaluateConfig,
    arm: str,
    seed: int,
    checkpoint: Path,
    tables: Path,
    root: Path,
    negatives: Path | None,
    fingerprint: Path | None,
    out: Path,
    inpaint: Path | None = None,
) -> None:
    """Evaluate the checkpoint folder of run (arm, seed) on split `config.split` and write the folder `out`.

    `tables` holds the tables of stage data, `root` the folder that the files of table `images` are relative to,
    `negatives` the folder of the arm's method, for the mark seen / concept / unseen, `inpaint` the pairs of benchmark
    inpaintcoco. Everything is read and checked, every image decoded once, before the model is opened.
    """
    cost = Cost()
    target = OutputFolder(out, inputs=[checkpoint, tables, inpaint, negatives], roots=[root])
    device = device_of(config.device, key="evaluate.device")
    tables = Path(tables)
    read = {"checkpoint": Path(checkpoint), "tables": tables, "images": Path(root) / "images", "inpaint": inpaint}
    inputs = verify_inputs({**read, "negatives": None if negatives is None else Path(negatives) / "negatives.parquet"})
    asked = exam.read(tables, config.split, config.benchmarks, config.recall_at, inpaint)
    trained = trained_pairs(negatives)
    training = _training_captions(tables)
    images, texts = asked.images(), asked.texts()
    pictures = _pictures(asked, tables / "images.parquet", Path(root))

    model = Embedder(checkpoint, batch=config.batch_size, threads=config.threads, device=device.type)
    answers = Answers(
        images=model.images(pictures, [image_id for image_id, _ in images]),
        texts=model.texts(texts),
        image_place={pair: index for index, pair in enumerate(images)},
        text_place={text: index for index, text in enumerate(texts)},
    )
    scored = Scored(model.name, arm, seed, "evaluate", config.split)
    similarity = cosine = asked.similarity(answers).with_columns(scorer=pl.lit("cosine"))
    fused = has_fusion(checkpoint) and asked.has_items
    if fused:
        judge = MatchScorer(checkpoint, batch=config.batch_size, threads=config.threads, device=device.type)
        opened = dict(zip(images, pictures, strict=True))
        matched = asked.judged(partial(judge.of_items, pictures=opened)).with_columns(scorer=pl.lit("match_logit"))
        unmatched = cosine.join(matched, on="item_id", how="anti")
        similarity = pl.concat([matched, unmatched]).sort("item_id")
        cosine = cosine.join(matched, on="item_id", how="semi")
    figures = _Figures(asked, training, config, scored, trained)
    scores, rows = _scores(similarity, scored), pl.concat([figures.of(asked.outcomes(similarity)), *figures.blind()])

    cost.counts.update(images=len(images), texts=len(texts), questions=scores.height)
    with target as folder:
        write_table(scores, folder / "scores.parquet", "scores")
        write_table(rows, folder / "metrics.parquet", "metrics")
        outputs = ["measurement.json", "metrics.parquet", "scores.parquet"]
        measurement = _measurement(asked, model, config)
        if fused:
            write_table(_scores(cosine, scored), folder / DUAL_SCORES, "scores")
            write_table(figures.of(asked.item_outcomes(cosine)), folder / DUAL_METRICS, "metrics")
            outputs = [DUAL_METRICS, DUAL_SCORES, *outputs]
            measurement["scorers"] = SCORERS
        write_json(folder / "measurement.json", measurement)
        cost.write(folder)
        write_manifest(folder, stage="evaluate", fingerprint=fingerprint, inputs=inputs, outputs=outputs)


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


class _Figures:
    """Rows of table `metrics`, each beside the best blind figure of its endpoint."""

    def __init__(
        self,
        asked: Exam,
        training: list[str],
        config: EvaluateConfig,
        scored: Scored,
        trained: frozenset[tuple[str, str]],
    ) -> None:
        self._blind = asked.blind(training)
        self._best: dict[Key, float] = {}
        for outcomes in self._blind.values():
            for key, figure in metrics.figures(outcomes).items():
                self._best[key] = max(figure, self._best.get(key, 0.0))
        self._how = Interval(resamples=config.resamples, level=config.level)
        self._expected, self._scored, self._trained = asked.n_expected(), scored, trained

    def of(self, outcomes: pl.DataFrame) -> pl.DataFrame:
        """The model's rows."""
        return self._rows(outcomes, self._scored, self._trained)

    def blind(self) -> list[pl.DataFrame]:
        """Those of each blind baseline."""
        scored = self._scored
        return [
            self._rows(outcomes, Scored("blind", name, scored.seed, scored.stage, scored.split), frozenset())
            for name, outcomes in sorted(self._blind.items())
        ]

    def _rows(self, outcomes: pl.DataFrame, scored: Scored, trained: frozenset[tuple[str, str]]) -> pl.DataFrame:
        return metrics.rows(outcomes, scored, self._how, n_expected=self._expected, blind=self._best, trained=trained)


def _scores(similarity: pl.DataFrame, scored: Scored) -> pl.DataFrame:
    """Table `scores` of similarities that say by which scorer they are."""
    return similarity.with_columns(
        model=pl.lit(scored.model),
        arm=pl.lit(scored.arm),
        seed=pl.lit(scored.seed),
        corruption=pl.lit(None, pl.String),
        severity=pl.lit(None, pl.Int64),
    )


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
        "batch": config.batch_size,
        "threads": config.threads,
        "device": model.device,
    }
