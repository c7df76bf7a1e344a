"""Predictions as rows of tables `predictions` and `metrics`: accuracy, its interval, chance and the blind baseline."""

from typing import Any

import numpy as np
import polars as pl
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from nearmiss.base.tables import table
from nearmiss.engine.scoring.statistics import clusters, interval
from nearmiss.stages.finetune.config import FinetuneConfig
from nearmiss.stages.finetune.examples import Examples
from nearmiss.stages.finetune.task import TaskPredictions

Named = dict[str, Any]
"""The columns that all rows of one job share: model, arm, seed."""


def predictions(examples: Examples, of_shares: dict[float, TaskPredictions], named: Named) -> pl.DataFrame:
    """Table `predictions`: a row a share and test example."""
    test = examples.of("test").select("task", "condition", "example_id", "label")
    parts = [
        test.with_columns(
            share=pl.lit(share, pl.Float64),
            predicted=pl.Series(predicted.predicted),
            score=pl.Series(predicted.score),
            **{column: pl.lit(value) for column, value in named.items()},
        )
        for share, predicted in sorted(of_shares.items())
    ]
    schema = table("predictions", []).schema
    return pl.concat(parts).select(schema.names()).cast(dict(schema.items()))


def metrics(
    examples: Examples, of_shares: dict[float, TaskPredictions], named: Named, config: FinetuneConfig, seed: int
) -> pl.DataFrame:
    """Table `metrics`: accuracy a share, condition and concept of the test.

    Test examples that share an image or a text are one cluster of the bootstrap. `chance` is the share of the most
    frequent label of the condition; `blind` the accuracy of a text-only model where the task has texts, else chance.
    """
    test = examples.of("test").with_row_index("place")
    rows: list[dict[str, Any]] = []
    for share, predicted in sorted(of_shares.items()):
        training = examples.part(share, seed)
        blind = text_only_predictions(training, test) if test["text"].null_count() == 0 else None
        for (condition, concept), group in test.sort("condition", "concept", "place").group_by(
            "condition", "concept", maintain_order=True
        ):
            place, labels = group["place"].to_numpy(), group["label"].to_numpy()
            right = (predicted.predicted[place] == labels).astype(np.float64)
            chance = float(np.unique(labels, return_counts=True)[1].max() / len(labels))
            low, high = interval(
                right,
                np.ones(len(right)),
                clusters([_links(row) for row in group.select("image_id", "text").iter_rows()]),
                resamples=config.resamples,
                level=config.level,
                names=["finetune", examples.task, condition, concept],
            )
            rows.append(
                {
                    **named,
                    "stage": "finetune",
                    "benchmark": examples.task,
                    "subset": None,
                    "concept": concept,
                    "operator": None,
                    "condition": condition,
                    "split": "test",
                    "corruption": None,
                    "severity": None,
                    "task": examples.task,
                    "share": share,
                    "metric": "accuracy",
                    "value": float(right.mean()),
                    "low": low,
                    "high": high,
                    "n_scored": group.height,
                    "n_expected": group.height,
                    "ties": 0,
                    "chance": chance,
                    "blind": chance if blind is None else float((blind[place] == labels).mean()),
                    "trained": None,
                }
            )
    return table("metrics", rows)


def text_only_predictions(training: pl.DataFrame, test: pl.DataFrame) -> np.ndarray:
    """Text-only predictions (N,): logistic regression on word counts, learned from `training`."""
    counter = CountVectorizer(token_pattern=r"\w+")
    counts = counter.fit_transform(training["text"].to_list())
    reader = LogisticRegression(max_iter=1000).fit(counts, training["label"].to_numpy())
    return np.asarray(reader.predict(counter.transform(test["text"].to_list())))


def _links(row: tuple[str, str | None]) -> list[str]:
    image_id, text = row
    return [f"image {image_id}"] + ([f"text {text}"] if text is not None else [])
